package simulate

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

var morning = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// maxSteps is how many steps a definition has at most.
const maxSteps = 12

// definitions draws definitions of one to twelve steps: sequences and graphs, of every kind of step and every recovery.
func definitions(t *tape) v1alpha1.SagaDefinitionSpec {
	n := t.between(1, pick(t, 4, 6, maxSteps))
	compensatable := t.between(0, n)
	pivot := compensatable < n && t.oneIn(2)
	def := v1alpha1.SagaDefinitionSpec{}
	if t.oneIn(4) {
		def.Mode = v1alpha1.ModeObserved
	}
	if t.oneIn(2) {
		def.Deadline = &metav1.Duration{Duration: time.Duration(t.between(1, 120)) * time.Second}
	}
	for i := range n {
		recovery := v1alpha1.RecoveryRetriable
		switch {
		case i < compensatable:
			recovery = v1alpha1.RecoveryCompensatable
		case i == compensatable && pivot:
			recovery = v1alpha1.RecoveryPivot
		}
		s := step(t, def.Mode, i, recovery)
		if s.Action != nil && def.Mode == v1alpha1.ModeObserved {
			s.Action.Command += "-" + s.Name // so that each event tells of one step
		}
		def.Steps = append(def.Steps, s)
	}
	if t.oneIn(2) {
		edges(t, def.Steps)
	}
	scope(t, def)
	if t.oneIn(4) {
		def.Outputs = &runtime.RawExtension{Raw: []byte(`{}`)}
	}
	return def
}

func step(t *tape, mode v1alpha1.ExecutionMode, i int, recovery v1alpha1.RecoveryType) v1alpha1.Step {
	s := v1alpha1.Step{Name: fmt.Sprintf("s%d", i), Participant: pick(t, "service", "other"), Recovery: recovery}
	switch t.number(12) {
	default:
		s.Action = &v1alpha1.Action{Command: "do", Retry: retry(t)}
	case 8:
		s.Publish = &v1alpha1.Publish{Event: "happened", Delivery: pick(t, v1alpha1.DeliveryAtLeastOnce, v1alpha1.DeliveryAtMostOnce)}
	case 9:
		s.Await = await(t, s.Name)
	case 10:
		s.Approval = &v1alpha1.Approval{Timeout: &metav1.Duration{Duration: time.Duration(t.between(1, 90)) * time.Second}}
		if t.oneIn(2) {
			s.Approval.Approvers = new(int32)
			*s.Approval.Approvers = 2
		}
	case 11:
		if recovery == v1alpha1.RecoveryPivot {
			s.Action = &v1alpha1.Action{Command: "do", Retry: retry(t)}
			break
		}
		s.Delay = &v1alpha1.Delay{For: &metav1.Duration{Duration: time.Duration(t.between(1, 90)) * time.Second}}
		if t.oneIn(3) {
			s.Delay = &v1alpha1.Delay{Until: pick(t, morning.Add(20*time.Second).Format(time.RFC3339), "fails", "soon")}
		}
	}
	if recovery != v1alpha1.RecoveryCompensatable {
		return s
	}
	if mode == "" && t.oneIn(5) {
		s.OnFailure = v1alpha1.FailureContinue
	}
	s.Compensation = compensation(t, s)
	return s
}

// await waits for an event that is mostly its own, by one of two keys, sometimes with a filter.
func await(t *tape, step string) *v1alpha1.Await {
	a := &v1alpha1.Await{Event: pick(t, "happens-"+step, "happens-"+step, "changes"), Key: pick(t, "", "", "key"), Timeout: &metav1.Duration{Duration: time.Duration(t.between(1, 90)) * time.Second}}
	if t.oneIn(3) {
		a.Filter = pick(t, "event:paid", "yes", "fails")
	}
	return a
}

func compensation(t *tape, s v1alpha1.Step) *v1alpha1.Compensation {
	must := s.Action != nil || s.Publish != nil
	switch n := t.number(6); {
	case !must && n < 3:
		return nil
	case n == 4:
		return &v1alpha1.Compensation{Policy: v1alpha1.CompensationNone}
	case n == 5:
		return &v1alpha1.Compensation{Publish: &v1alpha1.Publish{Event: "undone"}}
	}
	return &v1alpha1.Compensation{Command: "undo", Retry: retry(t)}
}

func retry(t *tape) *v1alpha1.RetryPolicy {
	policy := &v1alpha1.RetryPolicy{InitialBackoff: &metav1.Duration{Duration: time.Second}, MaxBackoff: &metav1.Duration{Duration: 5 * time.Second}}
	if n := int32(t.between(0, 3)); n > 0 {
		policy.MaxAttempts = &n
	}
	if t.oneIn(4) {
		policy.Retryable = []string{"DECLINED"}
	}
	if t.oneIn(6) {
		policy.NonRetryable = []string{"BUSY"}
	}
	return policy
}

// edges makes a graph of steps.
func edges(t *tape, steps []v1alpha1.Step) {
	for i := 1; i < len(steps); i++ {
		for _, j := range []int{t.number(i), t.number(i)} {
			if t.oneIn(2) && !slices.Contains(steps[i].DependsOn, steps[j].Name) {
				steps[i].DependsOn = append(steps[i].DependsOn, steps[j].Name)
			}
		}
	}
}

// scope lets inputs and conditions read outputs of steps that they may read, which are not always there.
func scope(t *tape, def v1alpha1.SagaDefinitionSpec) {
	for i, ancestors := range shapeOf(def).ancestors {
		s := &def.Steps[i]
		if def.Mode == "" && t.oneIn(6) {
			s.When = pick(t, "yes", "no", "params:7", "fails")
			if len(ancestors) > 0 && t.oneIn(2) {
				s.When = "has:" + def.Steps[pick(t, ancestors...)].Name
			}
		}
		if len(ancestors) == 0 || !t.oneIn(10) {
			continue
		}
		input := &runtime.RawExtension{Raw: fmt.Appendf(nil, `{"needs":["%s"]}`, def.Steps[pick(t, ancestors...)].Name)}
		switch {
		case s.Action != nil:
			s.Action.Input = input
		case s.Publish != nil:
			s.Publish.Data = input
		case s.Compensation != nil && s.Compensation.Command != "":
			s.Compensation.Input = input
		}
	}
}

// outcomes draws what participants come to. Most things succeed, or nothing would ever get far.
func outcomes(t *tape) Execute {
	return func(Message) Answer {
		switch n := t.number(12); n {
		case 8:
			return Answer{Outcome: engine.Succeeded, Body: []byte(`no json`)}
		case 9:
			return Answer{Outcome: engine.Failed, Body: []byte(`no json`)}
		case 10:
			return Answer{Outcome: engine.Retry, Body: []byte(`{"code":"BUSY","retryAfter":2}`)}
		case 11:
			return Answer{Outcome: engine.Failed, Body: []byte(`{"code":"DECLINED"}`)}
		case 0, 1:
			return Answer{Outcome: engine.Succeeded}
		default:
			return Answer{Outcome: engine.Succeeded, Body: fmt.Appendf(nil, `{"id":"%d","cost":1.0}`, n)}
		}
	}
}
