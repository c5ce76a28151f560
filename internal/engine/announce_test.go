package engine_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

func TestAWaitIsAnnouncedWithTheSameBytesUntilItIsAcknowledged(t *testing.T) {
	at := func(second int) *metav1.Time {
		return &metav1.Time{Time: time.Date(2026, 11, 22, 10, 0, second, 0, time.UTC)}
	}
	state := engine.State{
		StartTime: at(0), DecisionTime: at(9), Interventions: 2, InterventionTime: at(9),
		Steps: []v1alpha1.StepStatus{
			{Name: "a", State: v1alpha1.StepNeedsIntervention, Compensation: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, EndTime: at(9)}},
			{Name: "b", State: v1alpha1.StepNeedsIntervention, Compensation: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, EndTime: at(5)}},
		},
	}
	first, ok := engine.Announce(state)
	if !ok || first.Number != 2 || !first.Time.Equal(at(9).Time) {
		t.Fatalf("announced %+v, %t", first, ok)
	}
	state.Steps[0].State, state.DecisionTime = v1alpha1.StepCompensated, at(30) // one of the two is decided meanwhile
	if again, ok := engine.Announce(state); !ok || again != first {
		t.Fatalf("announced %+v first, and then %+v, %t", first, again, ok)
	}
	state.Announced = 2
	if again, ok := engine.Announce(state); ok {
		t.Fatalf("announced %+v again although it was acknowledged", again)
	}
}

func TestTheEndOfASagaWhoseKeyIsAnothersIsNotAnnounced(t *testing.T) {
	end := &metav1.Time{Time: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	refused := v1alpha1.StepStatus{Name: "a", State: v1alpha1.StepFailed, Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, Code: v1alpha1.CodeKeyUsed}}
	state := engine.State{
		StartTime: end, EndTime: end, Steps: []v1alpha1.StepStatus{refused, {Name: "b", State: v1alpha1.StepNotStarted}},
		Cause: &v1alpha1.Cause{Reason: v1alpha1.ReasonAborted, Step: "a", Code: v1alpha1.CodeKeyUsed},
	}
	if a, ok := engine.Announce(state); ok {
		t.Fatalf("announced %+v in the name of another saga", a)
	}
	state.Steps[1].State = v1alpha1.StepCompensated // this one had an effect of its own
	if _, ok := engine.Announce(state); !ok {
		t.Fatal("its own undoing was not announced")
	}
}
