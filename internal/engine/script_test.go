package engine_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

var morning = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// order is the definition of most stories; see definition for its words.
const order = "reserve | charge | ship pivot | invoice retriable | announce publish retriable"

// definition reads steps such as "reserve max=2 keep=id | ship pivot | announce publish retriable | deadline=15m". A step is
// compensatable unless it says pivot or retriable; none means that it has nothing to undo; needs=a that its input cannot be
// rendered without the output of a, undoneeds=a the same of its compensation; jitter=20 that its waits are not exact.
func definition(t testing.TB, text string) v1alpha1.SagaDefinitionSpec {
	t.Helper()
	var def v1alpha1.SagaDefinitionSpec
	for _, words := range strings.Split(text, "|") {
		fields := strings.Fields(words)
		if after, ok := strings.CutPrefix(fields[0], "deadline="); ok {
			def.Deadline = &metav1.Duration{Duration: duration(t, after)}
			continue
		}
		def.Steps = append(def.Steps, step(t, fields[0], fields[1:]))
	}
	return def
}

func step(t testing.TB, name string, words []string) v1alpha1.Step {
	t.Helper()
	policy := &v1alpha1.RetryPolicy{JitterPercent: new(int32)}
	s := v1alpha1.Step{
		Name: name, Participant: name + "-service", Action: &v1alpha1.Action{Command: "do", Retry: policy},
		Compensation: &v1alpha1.Compensation{Command: "undo", Retry: &v1alpha1.RetryPolicy{JitterPercent: new(int32)}},
	}
	for _, word := range words {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "pivot":
			s.Recovery, s.Compensation = v1alpha1.RecoveryPivot, nil
		case "retriable":
			s.Recovery, s.Compensation = v1alpha1.RecoveryRetriable, nil
		case "publish":
			s.Action, s.Publish = nil, &v1alpha1.Publish{Event: "happened"}
		case "none":
			s.Compensation = &v1alpha1.Compensation{Policy: v1alpha1.CompensationNone}
		case "max":
			policy.MaxAttempts = new(number(t, value))
		case "undomax":
			s.Compensation.Retry.MaxAttempts = new(number(t, value))
		case "jitter":
			policy.JitterPercent = new(number(t, value))
		case "keep":
			s.Action.Output = strings.Split(value, ",")
		case "needs":
			if s.Publish != nil {
				s.Publish.Data = needs(value)
			} else {
				s.Action.Input = needs(value)
			}
		case "undoneeds":
			s.Compensation.Input = needs(value)
		default:
			t.Fatalf("a step cannot say %q", word)
		}
	}
	return s
}

func needs(step string) *runtime.RawExtension {
	return &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"needs":[%q]}`, step)}
}

func number(t testing.TB, s string) int32 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return int32(n)
}

func duration(t testing.TB, s string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// story is one saga on its way through a script.
type story struct {
	t       testing.TB
	program *engine.Program
	run     engine.Run
	state   engine.State
	now     time.Time
}

// tell begins a story. end says what a saga does whose key is used.
func tell(t testing.TB, def string, onKeyUsed v1alpha1.KeyUsedPolicy) *story {
	t.Helper()
	p, err := engine.Compile(definition(t, def), simulate.Greedy{})
	if err != nil {
		t.Fatal(err)
	}
	return &story{t: t, program: p, now: morning, run: p.For(engine.Saga{
		UID: "uid-1", Namespace: "shop", Name: "order-1", IdempotencyKey: "test/shop/order-1", Params: []byte(`{"n":1}`), OnKeyUsed: onKeyUsed,
	})}
}

// play plays decisions, separated by semicolons; the events of one are separated by plus signs. It returns the last verdicts.
func (s *story) play(script string) (last []engine.Verdict) {
	s.t.Helper()
	for _, decision := range strings.Split(script, ";") {
		if strings.TrimSpace(decision) != "" {
			last = s.decide(decision)
		}
	}
	return last
}

func (s *story) decide(decision string) []engine.Verdict {
	s.t.Helper()
	var events []engine.Event
	for _, words := range strings.Split(decision, " + ") {
		if e := s.event(strings.TrimSpace(words)); e != nil {
			events = append(events, e)
		}
	}
	before := *s.state.DeepCopy()
	next, verdicts := s.run.Next(s.state, s.now, events)
	if diff := diffOf(before, s.state); diff != "" {
		s.t.Fatalf("Next changed its argument: %s", diff)
	}
	s.state = next
	return verdicts
}
