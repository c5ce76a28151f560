package explore

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

// mostFaults is how many faults the tests' lives have; one under the race detector, which is ten times slower.
var mostFaults = 2

type edit = func(*v1alpha1.SagaDefinitionSpec)

// sequence makes a definition of compensatable steps a, b, …, then as the edits say.
func sequence(steps int, edits ...edit) v1alpha1.SagaDefinitionSpec {
	def := v1alpha1.SagaDefinitionSpec{}
	for i := range steps {
		def.Steps = append(def.Steps, v1alpha1.Step{
			Name: string(rune('a' + i)), Participant: "service", Recovery: v1alpha1.RecoveryCompensatable,
			Action: &v1alpha1.Action{Command: "do"}, Compensation: &v1alpha1.Compensation{Command: "undo"},
		})
	}
	for _, e := range edits {
		e(&def)
	}
	return def
}

// withPivot makes the last step but one the pivot, and the last retriable.
func withPivot(def *v1alpha1.SagaDefinitionSpec) {
	n := len(def.Steps)
	def.Steps[n-2].Recovery, def.Steps[n-2].Compensation = v1alpha1.RecoveryPivot, nil
	def.Steps[n-1].Recovery, def.Steps[n-1].Compensation = v1alpha1.RecoveryRetriable, nil
}

// parallel lets all steps but the last start at once, and the last wait for them.
func parallel(def *v1alpha1.SagaDefinitionSpec) {
	n := len(def.Steps) - 1
	for _, s := range def.Steps[:n] {
		def.Steps[n].DependsOn = append(def.Steps[n].DependsOn, s.Name)
	}
}

func within(d time.Duration) edit {
	return func(def *v1alpha1.SagaDefinitionSpec) { def.Deadline = &metav1.Duration{Duration: d} }
}

func observed(def *v1alpha1.SagaDefinitionSpec) {
	def.Mode = v1alpha1.ModeObserved
	for i := range def.Steps {
		def.Steps[i].Action.Command += "-" + def.Steps[i].Name
	}
}

// step replaces step i by one of another kind.
func step(i int, with v1alpha1.Step) edit {
	return func(def *v1alpha1.SagaDefinitionSpec) {
		with.Name, with.Participant, with.Recovery = def.Steps[i].Name, "service", v1alpha1.RecoveryCompensatable
		def.Steps[i] = with
	}
}

func hours(n int) *metav1.Duration { return &metav1.Duration{Duration: time.Duration(n) * time.Hour} }

func caseOf(t testing.TB, def v1alpha1.SagaDefinitionSpec) Case {
	t.Helper()
	x, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	p, err := engine.Compile(def, x)
	if err != nil {
		t.Fatal(err)
	}
	return Case{Definition: def, Program: p, Saga: engine.Saga{Namespace: "shop", Name: "sample", IdempotencyKey: "i/shop/sample", BusinessKey: "sample"}}
}

func show(r Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs, longest %s\n", r.Runs, r.Longest)
	for _, e := range r.Ends {
		fmt.Fprintf(&b, "%s %s: %d runs, %s\n  %s\n", e.Phase, e.Detail, e.Runs, e.Longest, strings.Join(e.Trace, "\n  "))
	}
	return b.String()
}

func phases(r Report) []string {
	var all []string
	for _, e := range r.Ends {
		all = append(all, e.Phase)
	}
	return slices.Compact(all)
}

func TestEveryKindOfSagaEndsWholeInEveryLife(t *testing.T) {
	await := v1alpha1.Step{Await: &v1alpha1.Await{Event: "paid", Timeout: hours(2)}, Compensation: &v1alpha1.Compensation{Command: "undo"}}
	for name, def := range map[string]v1alpha1.SagaDefinitionSpec{
		"a sequence":             sequence(3, withPivot, within(time.Minute)),
		"a graph":                sequence(4, parallel, withPivot),
		"an optional step":       sequence(3, func(def *v1alpha1.SagaDefinitionSpec) { def.Steps[1].OnFailure = v1alpha1.FailureContinue }),
		"an awaited event":       sequence(3, step(1, await), within(time.Minute)),
		"an awaited event first": sequence(2, step(0, await)),
		"a delay":                sequence(3, step(1, v1alpha1.Step{Delay: &v1alpha1.Delay{For: hours(1)}}), within(time.Minute)),
		"an approval":            sequence(3, step(1, v1alpha1.Step{Approval: &v1alpha1.Approval{Approvers: new(int32(2)), Timeout: hours(3)}})),
		"an event that undoes": sequence(3, step(1, v1alpha1.Step{Publish: &v1alpha1.Publish{Event: "done"},
			Compensation: &v1alpha1.Compensation{Publish: &v1alpha1.Publish{Event: "undone"}}})),
		"codes of retries": sequence(2, func(def *v1alpha1.SagaDefinitionSpec) {
			def.Steps[1].Action.Retry = &v1alpha1.RetryPolicy{Retryable: []string{"LOCKED"}, NonRetryable: []string{"GONE"}}
		}),
		"services on their own": sequence(3, withPivot, observed),
	} {
		t.Run(name, func(t *testing.T) {
			r := Explore(caseOf(t, def), Options{Faults: mostFaults})
			got := phases(r)
			if mostFaults < 2 {
				got = got[:min(len(got), 2)] // what waits for a person mostly takes two
			}
			if want := []string{"Completed", "Compensated", "NeedsIntervention"}; !slices.Equal(got, want[:mostFaults+1]) || r.Faults != mostFaults {
				t.Errorf("lives with %d faults end as %v: %s", r.Faults, got, show(r))
			}
		})
	}
}

func TestTheShortestLifeIsToldThatShowsABreach(t *testing.T) {
	c := caseOf(t, sequence(3, func(def *v1alpha1.SagaDefinitionSpec) {
		def.Steps[1].Compensation = &v1alpha1.Compensation{Policy: v1alpha1.CompensationNone}
	}))
	c.Uncovered = map[string]string{"b": "undo it"}
	r := Explore(c, Options{Faults: 2})
	breaches := r.Breaches()
	if len(breaches) != 1 || r.Faults != 1 || breaches[0].Detail != "b took effect and nothing undoes it: undo it" {
		t.Fatalf("%s", show(r))
	}
	want := []string{
		"service.do (a) is sent, takes effect and is answered",
		"somebody aborts the saga while service.do (b) is on its way",
		"the saga turns back: Aborted",
		"service.do (b) is sent, takes effect and is answered",
		"service.undo (undoes a) is sent, undoes and is answered",
		"the saga ends as Compensated",
	}
	if !slices.Equal(breaches[0].Trace, want) {
		t.Errorf("want\n%s\ngot\n%s", strings.Join(want, "\n"), strings.Join(breaches[0].Trace, "\n"))
	}
}

func TestASagaThatCannotCompleteIsABreachWithoutAnyFault(t *testing.T) {
	r := Explore(caseOf(t, sequence(2, step(1, v1alpha1.Step{When: "params.missing", Delay: &v1alpha1.Delay{For: hours(1)}}))), Options{Faults: 2})
	if b := r.Breaches(); len(b) != 1 || r.Faults != 0 || b[0].Detail != "nothing goes wrong, and the saga is Compensated all the same" {
		t.Error(show(r))
	}
}

func TestALifeTellsWhichMadeUpEventTheFilterDoesNotLetThrough(t *testing.T) {
	c := caseOf(t, sequence(1, step(0, v1alpha1.Step{Await: &v1alpha1.Await{Event: "paid", Filter: "event.data.amount > 10", Timeout: hours(1)}})))
	c.Answers = map[string][]byte{"a": []byte(`{"amount":0}`)}
	r := Explore(c, Options{Faults: 0})
	want := `service.paid happens with {"amount":0}, which the filter of a does not let through: name its data with --outputs`
	if b := r.Breaches(); len(b) != 1 || !slices.Contains(b[0].Trace, want) {
		t.Error(show(r))
	}
	c.Answers = map[string][]byte{"a": []byte(`{"amount":11}`)}
	if r := Explore(c, Options{Faults: 0}); len(r.Breaches()) > 0 || !slices.Contains(r.Ends[0].Trace, "service.paid happens, as a awaits") {
		t.Error(show(r))
	}
}

func TestWhatCannotBeSentIsNotSaidToBeAnswered(t *testing.T) {
	r := Explore(caseOf(t, sequence(2, func(def *v1alpha1.SagaDefinitionSpec) {
		def.Steps[0].Compensation.Input = &runtime.RawExtension{Raw: []byte(`{"id": "${params.id}"}`)}
	})), Options{Faults: 1})
	want := `a: undoing it could not be sent: its input cannot be made (InvalidInput): `
	if !slices.ContainsFunc(r.Ends, func(e End) bool { return strings.HasPrefix(e.Detail, want) && strings.Contains(e.Detail, "id") }) {
		t.Error(show(r))
	}
}

func TestWhatOnlyEventsTellOfIsSaidWithItsCode(t *testing.T) {
	r := Explore(caseOf(t, sequence(4, withPivot, parallel, observed)), Options{Faults: 2})
	for _, want := range []string{"c: doing it succeeded after all (LateSuccess)", "a: time is over, and no service has told anything of the saga (Unheard)"} {
		if !slices.ContainsFunc(r.Ends, func(e End) bool { return strings.Contains(e.Detail, want) }) {
			t.Errorf("nobody is told that %s: %s", want, show(r))
		}
	}
}

func TestWhatWaitsWithoutACommandIsTimedToo(t *testing.T) {
	r := Explore(caseOf(t, sequence(3,
		step(0, v1alpha1.Step{Delay: &v1alpha1.Delay{For: hours(1)}}),
		step(1, v1alpha1.Step{Await: &v1alpha1.Await{Event: "paid", Timeout: hours(2)}}),
		step(2, v1alpha1.Step{Approval: &v1alpha1.Approval{Timeout: hours(3)}}))), Options{Faults: 1})
	for i, s := range r.Steps {
		if want := time.Duration(i+1) * time.Hour; s.Forward < want || s.Forward > want+time.Minute {
			t.Errorf("%s takes %s, want %s", s.Step, s.Forward, want)
		}
	}
}

func TestAnAwaitedEventMayComeBeforeAnythingElse(t *testing.T) {
	x := &explorer{Case: caseOf(t, sequence(2, step(1, v1alpha1.Step{Await: &v1alpha1.Await{Event: "paid", Timeout: hours(1)}})))}
	r := x.newRun()
	r.do(move{act: decide})
	m, ok := r.next()
	if !ok || m.act != send || !slices.Contains(r.offers(m), offer{eventEarly, 1}) {
		t.Fatalf("%+v offers %+v", m, r.offers(m))
	}
	r.strike(offer{eventEarly, 1}, m)
	for m, ok := r.next(); ok; m, ok = r.next() {
		r.do(m)
	}
	if phase := r.phase(r.state()); phase != v1alpha1.PhaseCompleted {
		t.Errorf("it ends as %s: %+v", phase, r.lines)
	}
}

func TestTheReportIsTheSameHoweverManyCoresThereAre(t *testing.T) {
	c := caseOf(t, sequence(3, parallel, within(time.Minute)))
	one, two := show(Explore(c, Options{Faults: 2, Workers: 1})), show(Explore(c, Options{Faults: 2, Workers: 4}))
	if one != two {
		t.Errorf("with one worker\n%s\nwith four\n%s", one, two)
	}
}

func TestFaultsStrikeWhereTheyAreAskedTo(t *testing.T) {
	r := Explore(caseOf(t, sequence(3)), Options{Faults: 1, Steps: []string{"c"}})
	for _, e := range r.Ends {
		if strings.Contains(e.Detail, "a:") || strings.Contains(e.Detail, "b:") {
			t.Errorf("a fault struck elsewhere: %+v", e)
		}
	}
	if all := Explore(caseOf(t, sequence(3)), Options{Faults: 1}); r.Runs >= all.Runs {
		t.Errorf("%d lives with faults at one step, %d with faults at all", r.Runs, all.Runs)
	}
}

func TestTheLongestLifeIsMeasured(t *testing.T) {
	r := Explore(caseOf(t, sequence(1)), Options{Faults: 1})
	// Five attempts of 30 s, and the waits of 1, 2, 4 and 8 s between them, give or take a fifth; then the undoing succeeds.
	if least, most := 150*time.Second+12*time.Second, 150*time.Second+20*time.Second; r.Longest < least || r.Longest > most {
		t.Errorf("want from %s to %s, got %s", least, most, r.Longest)
	}
	if s := r.Steps[0]; s.Step != "a" || s.Forward != r.Longest || s.Backward != 0 {
		t.Errorf("%+v", s)
	}
}

// BenchmarkSixSteps plays all lives of six steps with at most two faults; the docs promise five seconds on two cores.
func BenchmarkSixSteps(b *testing.B) {
	c := caseOf(b, sequence(6, withPivot, within(time.Hour)))
	for b.Loop() {
		if r := Explore(c, Options{Faults: 2}); len(r.Breaches()) > 0 {
			b.Fatal(show(r))
		}
	}
}
