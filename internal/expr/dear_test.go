package expr

import (
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// How much an expression costs depends on the lists that it will walk, whose lengths nobody knows beforehand. So nested macros
// are taken, as far as maxComprehensions allows, and stopped where they have cost too much.

// huge are values with a list of 300 elements, far fewer than may be walked.
var huge = engine.Values{
	Params: []byte(`{"list": [` + strings.Repeat("7,", 299) + `7]}`),
	Event:  []byte(`{"data": {"list": [` + strings.Repeat("7,", 299) + `7]}}`),
}

var nested = map[string]string{
	"two macros":             `LIST.all(a, LIST.all(b, a + b > 0))`,
	"three macros":           `LIST.all(a, LIST.all(b, LIST.all(c, a + b + c > 0)))`,
	"a list of lists":        `LIST.map(a, LIST.map(b, a + b)).size() > 0`,
	"a filter within a map":  `LIST.map(a, LIST.filter(b, b >= a).size()).size() > 0`,
	"a sorting within a map": `LIST.map(a, LIST.sortBy(b, -b).size()).size() > 0`,
	"searching in each":      `LIST.all(a, LIST.exists(b, b in LIST && b > 7) || a > 0)`,
}

func TestNestedMacrosOverBigListsAreStopped(t *testing.T) {
	c := compiler(t)
	for name, source := range nested {
		t.Run(name, func(t *testing.T) {
			source := strings.ReplaceAll(source, "LIST", "params.list")
			condition, err := c.Condition(source, order)
			assertStopped(t, err, func() error { _, err := condition.Holds(huge); return err }, bareCostText)
			filter, err := c.Condition(strings.ReplaceAll(source, "params", "event.data"), awaiting)
			assertStopped(t, err, func() error { _, err := filter.Holds(huge); return err }, bareCostText)
		})
	}
}

func TestNestedMacrosOverBigListsAreStoppedInTextsAndValues(t *testing.T) {
	c, source := compiler(t), strings.ReplaceAll(nested["a list of lists"], "LIST", "params.list")
	text, err := c.Text("it is ${"+source+"}", order)
	assertStopped(t, err, func() error { _, err := text.Write(huge); return err }, costText)
	template, err := c.Compile([]byte(`["${`+source+`}"]`), order)
	assertStopped(t, err, func() error { _, err := template.Render(huge); return err }, "[0]: "+costText)
}

func TestNestedMacrosOverBigListsAreStoppedWhereThereIsNoSagaYet(t *testing.T) {
	c, source := compiler(t), strings.ReplaceAll(nested["a list of lists"], "LIST", "event.data.list")
	condition, err := c.ConditionEvent(source)
	assertStopped(t, err, func() error { _, err := condition.Holds(huge); return err }, bareCostText)
	text, err := c.TextEvent("it is ${" + source + "}")
	assertStopped(t, err, func() error { _, err := text.Write(huge); return err }, costText)
	template, err := c.CompileEvent([]byte(`["${` + source + `}"]`))
	assertStopped(t, err, func() error { _, err := template.Render(huge); return err }, "[0]: "+costText)
	key, err := c.Key(source)
	assertStopped(t, err, func() error { _, err := key.Of(huge.Event); return err }, bareCostText)
}

// assertStopped fails the test unless what was compiled says, once evaluated, that it costs too much.
func assertStopped(t *testing.T, compiled error, evaluate func() error, want string) {
	t.Helper()
	if compiled != nil {
		t.Fatalf("compiling: %v", compiled)
	}
	assertError(t, evaluate(), want, ErrRender, ErrCost)
}

func TestManyExpressionsOfOneTextShareWhatTheyMayCost(t *testing.T) {
	c := compiler(t)
	source := strings.Repeat("${params.list.map(a, a * a).size()} ", 200)
	text, err := c.Text(source, order)
	assertStopped(t, err, func() error { _, err := text.Write(huge); return err }, costText)
	if text, err = c.Text(source[:len(source)/200], order); err != nil {
		t.Fatal(err)
	}
	if got, err := text.Write(huge); err != nil || got != "300 " {
		t.Errorf("one of them alone wrote %q, %v", got, err)
	}
}

func BenchmarkAConditionThatIsStopped(b *testing.B) {
	condition, err := compiler(b).Condition(strings.ReplaceAll(nested["three macros"], "LIST", "params.list"), order)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := condition.Holds(huge); err == nil {
			b.Fatal("not stopped")
		}
	}
}
