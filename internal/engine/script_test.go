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
// after=a+b names what it depends on; when=no is its condition; optional, that its failure lets the rest go on; once, that its event
// may be lost; await=shipped, delay=1h, until=TIME, approval=2 and for=1h make it wait; retryable=BUSY and nonretryable=BROKEN sort
// codes; of=shop names the participant; schema=id requires a key of its answer; upcast=v1 knows an older version of it. "| observed" makes services decide.
func definition(t testing.TB, text string) v1alpha1.SagaDefinitionSpec {
	t.Helper()
	var def v1alpha1.SagaDefinitionSpec
	for _, words := range strings.Split(text, "|") {
		fields := strings.Fields(words)
		if after, ok := strings.CutPrefix(fields[0], "deadline="); ok {
			def.Deadline = &metav1.Duration{Duration: duration(t, after)}
			continue
		}
		switch fields[0] {
		case "observed":
			def.Mode = v1alpha1.ModeObserved
			continue
		case "outputs", "outputs!":
			def.Outputs = &runtime.RawExtension{Raw: []byte("{}")}
			if fields[0] == "outputs!" {
				def.Outputs = needs("nobody")
			}
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
		if waitingWord(t, &s, key, value) || languageWord(&s, policy, key, value) {
			continue
		}
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

// waitingWord reads what makes a step wait.
func waitingWord(t testing.TB, s *v1alpha1.Step, key, value string) bool {
	t.Helper()
	span := func() *metav1.Duration { return &metav1.Duration{Duration: duration(t, value)} }
	switch key {
	case "await":
		s.Action, s.Compensation, s.Await = nil, nil, &v1alpha1.Await{Event: value, Timeout: &metav1.Duration{Duration: time.Hour}}
	case "delay":
		s.Action, s.Compensation, s.Delay = nil, nil, &v1alpha1.Delay{For: span()}
	case "until":
		s.Action, s.Compensation, s.Delay = nil, nil, &v1alpha1.Delay{Until: value}
	case "approval":
		s.Action, s.Compensation, s.Approval = nil, nil, &v1alpha1.Approval{Approvers: new(number(t, value))}
	case "message":
		s.Approval.Message = value
	case "for":
		if s.Await != nil {
			s.Await.Timeout = span()
		} else {
			s.Approval.Timeout = span()
		}
	case "key":
		s.Await.Key = value
	case "filter":
		s.Await.Filter = value
	default:
		return false
	}
	return true
}

// languageWord reads what any step may say.
func languageWord(s *v1alpha1.Step, policy *v1alpha1.RetryPolicy, key, value string) bool {
	body := func() (*[]v1alpha1.Upcast, **runtime.RawExtension) {
		if s.Await != nil {
			return &s.Await.Upcasts, &s.Await.OutputSchema
		}
		return &s.Action.Upcasts, &s.Action.OutputSchema
	}
	switch key {
	case "after":
		s.DependsOn = strings.Split(value, "+")
	case "of":
		s.Participant = value
	case "when":
		s.When = value
	case "optional":
		s.OnFailure = v1alpha1.FailureContinue
	case "once":
		s.Publish.Delivery = v1alpha1.DeliveryAtMostOnce
	case "undo":
		s.Compensation = &v1alpha1.Compensation{Command: "undo"}
	case "undopublish":
		s.Compensation = &v1alpha1.Compensation{Publish: &v1alpha1.Publish{Event: "withdrawn"}}
	case "retryable":
		policy.Retryable = strings.Split(value, ",")
	case "nonretryable":
		policy.NonRetryable = strings.Split(value, ",")
	case "undoretryable":
		s.Compensation.Retry.Retryable = strings.Split(value, ",")
	case "schema":
		_, schema := body()
		*schema = &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"required":[%q]}`, value)}
	case "upcast":
		upcasts, _ := body()
		*upcasts = append(*upcasts, v1alpha1.Upcast{DataSchema: value, Output: &runtime.RawExtension{Raw: []byte("{}")}})
	default:
		return false
	}
	return true
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
	by      string // who decides; ada, where it is empty
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
