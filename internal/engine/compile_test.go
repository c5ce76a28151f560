package engine_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

func TestWhatDoesNotCompile(t *testing.T) {
	for name, r := range map[string]struct {
		def  string
		bend func(*v1alpha1.SagaDefinitionSpec)
		want string
	}{
		"no steps":                        {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps = nil }, "there are 0"},
		"65 steps":                        {many(65), nil, "there are 65"},
		"two steps of one name":           {"a | a", nil, `steps[1].name: "a"`},
		"two pivots":                      {"a pivot | b pivot", nil, "steps[1].recovery"},
		"a retriable step before a pivot": {"a retriable | b pivot", nil, "steps[1].recovery"},
		"a compensatable step after it":   {"a pivot | b", nil, "steps[1].recovery"},
		"an unknown recovery":             {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Recovery = "Maybe" }, `"Maybe"`},
		"neither action nor publish":      {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Action = nil }, "exactly one"},
		"both":                            {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Publish = &v1alpha1.Publish{} }, "exactly one"},
		"no compensation":                 {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Compensation = nil }, "{policy: None}"},
		"a compensation of a pivot":       {"a pivot", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Compensation = &v1alpha1.Compensation{Command: "x"} }, "never undone"},
		"a compensation without command":  {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Compensation.Command = "" }, "exactly one of a command"},
		"policy None with a command":      {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Compensation.Policy = v1alpha1.CompensationNone }, "exactly one of a command"},
		"a step that waits for itself":    {"a | b after=b", nil, "cannot wait for itself"},
		"a cycle":                         {"a after=b | b after=a", nil, `"b" is no earlier step`},
		"a dependency that there is not":  {"a | b after=x", nil, `there is no step "x"`},
		"a dependency named twice":        {"a | b after=a+a", nil, "named twice"},
		"a pivot that is a delay":         {"a | b pivot delay=1h", nil, "cannot be the Pivot"},
		"an optional pivot":               {"a pivot optional", nil, "only a Compensatable step may say Continue"},
		"an await of more than a year":    {"a await=x for=8785h", nil, "from 1s to 8784h"},
		"an await without timeout":        {"a await=x", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Await.Timeout = nil }, "await.timeout: is needed"},
		"an approval of three":            {"a approval=3", nil, "must be 1 or 2"},
		"a delay of both kinds":           {"a delay=1h", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Delay.Until = "x" }, "exactly one of for and until"},
		"an event that is success and failure": {"a | observed", func(d *v1alpha1.SagaDefinitionSpec) {
			d.Steps[0].Action.Events = &v1alpha1.ActionEvents{Failed: "do-succeeded"}
		}, "must be two events"},
		"two observed steps that the same events tell of": {"a of=shop | b | c of=shop | observed", nil, `steps[2] (c): action.events: shop.do-succeeded and shop.do-failed may also be about steps[0] (a)`},
		"also where just one of them is the same": {"a of=shop | b of=shop | observed", func(d *v1alpha1.SagaDefinitionSpec) {
			d.Steps[1].Action.Events = &v1alpha1.ActionEvents{Succeeded: "done", Failed: "do-failed"}
		}, "action.events: shop.do-failed may also be about steps[0] (a)"},
		"a mode that there is not":     {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Mode = "Danced" }, `"Danced" is neither`},
		"two upcasts of one version":   {"a upcast=v1 upcast=v1", nil, "is upcast by an earlier one"},
		"no participant for a command": {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Participant = "" }, "participant: "},
		"an input that is no object":   {"a", func(d *v1alpha1.SagaDefinitionSpec) { d.Steps[0].Action.Input = raw(`[1]`) }, "action.input"},
	} {
		t.Run(name, func(t *testing.T) {
			def := definition(t, r.def)
			if r.bend != nil {
				r.bend(&def)
			}
			_, err := engine.Compile(def, simulate.Greedy{})
			if !errors.Is(err, engine.ErrInvalidDefinition) || !strings.Contains(err.Error(), r.want) {
				t.Errorf("want an invalid definition that names %q, got %v", r.want, err)
			}
		})
	}
}

func many(n int) string {
	var steps []string
	for i := range n {
		steps = append(steps, fmt.Sprintf("s%d", i))
	}
	return strings.Join(steps, " | ")
}

func raw(s string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(s)} }

// scopes records what each template may read, and refuses the one that says so.
type scopes struct {
	simulate.Greedy
	seen *[]string
}

var errBad = errors.New("bad expression")

func (x scopes) Compile(raw []byte, scope engine.Scope) (engine.Template, error) {
	*x.seen = append(*x.seen, fmt.Sprintf("%v self=%s of %v", scope.Steps, scope.Self, scope.All))
	if strings.Contains(string(raw), "bad") {
		return nil, errBad
	}
	return empty{}, nil
}

func TestAnExpressionThatDoesNotCompileNamesItsField(t *testing.T) {
	def := definition(t, "a | b")
	def.Steps[1].Compensation.Input = raw(`{"x":"bad"}`)
	var seen []string
	_, err := engine.Compile(def, scopes{seen: &seen})
	if !errors.Is(err, engine.ErrInvalidExpression) || !errors.Is(err, errBad) || !strings.Contains(err.Error(), "steps[1] (b)") ||
		!strings.Contains(err.Error(), "compensation.input") {
		t.Errorf("want an invalid expression at steps[1] (b): compensation.input, got %v", err)
	}
	want := "[] self= of [a b]; [a] self= of [a b]; [a] self=b of [a b]"
	if got := strings.Join(seen, "; "); got != want {
		t.Errorf("want scopes %s, got %s", want, got)
	}
}

func TestWhichParticipantsAProgramUses(t *testing.T) {
	s := tell(t, order, "")
	uses := s.program.Participants()
	if len(uses) != 5 || uses["announce-service"] != (engine.ParticipantUse{Events: true}) || uses["ship-service"] != (engine.ParticipantUse{Commands: true}) {
		t.Errorf("got %v", uses)
	}
}
