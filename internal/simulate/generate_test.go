package simulate

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"pgregory.net/rapid"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

var morning = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// definitions draws definitions of one to six steps with every recovery, publish steps and steps without compensation.
func definitions(t *rapid.T) v1alpha1.SagaDefinitionSpec {
	n := rapid.IntRange(1, 6).Draw(t, "steps")
	compensatable := rapid.IntRange(0, n).Draw(t, "compensatable")
	pivot := compensatable < n && rapid.Bool().Draw(t, "pivot")
	def := v1alpha1.SagaDefinitionSpec{}
	if rapid.Bool().Draw(t, "deadline") {
		def.Deadline = &metav1.Duration{Duration: time.Duration(rapid.IntRange(1, 120).Draw(t, "seconds")) * time.Second}
	}
	for i := range n {
		recovery := v1alpha1.RecoveryRetriable
		switch {
		case i < compensatable:
			recovery = v1alpha1.RecoveryCompensatable
		case i == compensatable && pivot:
			recovery = v1alpha1.RecoveryPivot
		}
		def.Steps = append(def.Steps, step(t, i, recovery))
	}
	return def
}

func step(t *rapid.T, i int, recovery v1alpha1.RecoveryType) v1alpha1.Step {
	s := v1alpha1.Step{Name: fmt.Sprintf("s%d", i), Participant: "service", Recovery: recovery}
	publish := rapid.IntRange(0, 5).Draw(t, "publish") == 0
	if publish {
		s.Publish = &v1alpha1.Publish{Event: "happened", Data: input(t, i)}
	} else {
		s.Action = &v1alpha1.Action{Command: "do", Input: input(t, i), Retry: retry(t)}
	}
	if recovery != v1alpha1.RecoveryCompensatable {
		return s
	}
	if publish || rapid.IntRange(0, 5).Draw(t, "none") == 0 {
		s.Compensation = &v1alpha1.Compensation{Policy: v1alpha1.CompensationNone}
		return s
	}
	s.Compensation = &v1alpha1.Compensation{Command: "undo", Retry: retry(t)}
	if rapid.Bool().Draw(t, "own input") {
		s.Compensation.Input = input(t, i)
	}
	return s
}

// input sometimes needs the output of an earlier step, which is not always there.
func input(t *rapid.T, i int) *runtime.RawExtension {
	if i == 0 || rapid.IntRange(0, 9).Draw(t, "needs") > 0 {
		return nil
	}
	return &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"needs":["s%d"]}`, rapid.IntRange(0, i-1).Draw(t, "needed"))}
}

func retry(t *rapid.T) *v1alpha1.RetryPolicy {
	policy := &v1alpha1.RetryPolicy{InitialBackoff: &metav1.Duration{Duration: time.Second}, MaxBackoff: &metav1.Duration{Duration: 5 * time.Second}}
	if n := rapid.Int32Range(0, 3).Draw(t, "attempts"); n > 0 {
		policy.MaxAttempts = &n
	}
	return policy
}

// outcomes draws what participants come to. Most things succeed, or nothing would ever get far.
func outcomes(t *rapid.T) Execute {
	return func(m Message) Answer {
		switch n := rapid.IntRange(0, 11).Draw(t, "outcome of "+m.ID()); {
		case n == 0:
			return Answer{Outcome: engine.Failed, Body: []byte(`{"code":"DECLINED"}`)}
		case n == 1:
			return Answer{Outcome: engine.Retry, Body: []byte(`{"code":"BUSY","retryAfter":2}`)}
		case n == 2:
			return Answer{Outcome: engine.Failed, Body: []byte(`no json`)}
		case n == 3:
			return Answer{Outcome: engine.Succeeded, Body: []byte(`no json`)}
		case n < 6:
			return Answer{Outcome: engine.Succeeded}
		default:
			return Answer{Outcome: engine.Succeeded, Body: fmt.Appendf(nil, `{"id":"%d","cost":1.0}`, n)}
		}
	}
}
