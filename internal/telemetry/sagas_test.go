package telemetry

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestAnEndIsCountedOnceAndNeverAgain(t *testing.T) {
	at := func(s int) *metav1.Time { return &metav1.Time{Time: time.Unix(int64(1000+s), 0)} }
	m := NewSagas(prometheus.NewRegistry())
	running := v1alpha1.SagaStatus{Phase: v1alpha1.PhaseRunning}
	running.StartTime = at(0)
	running.Steps = []v1alpha1.StepStatus{{Name: "a", Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeWaiting, StartTime: at(1)}}}
	done := *running.DeepCopy()
	done.Phase, done.EndTime, done.Interventions = v1alpha1.PhaseCompleted, at(5), 2
	done.Steps[0].Action.Outcome, done.Steps[0].Action.EndTime = v1alpha1.ExchangeSucceeded, at(4)

	m.Stored(running, done)
	m.Stored(done, done) // another write after the end

	if n := testutil.ToFloat64(m.ended.WithLabelValues("Completed")); n != 1 {
		t.Errorf("%v ends", n)
	}
	if n := testutil.ToFloat64(m.waits); n != 2 {
		t.Errorf("%v waits", n)
	}
	if n := testutil.CollectAndCount(m.stepped); n != 1 {
		t.Errorf("%d series of steps", n)
	}
	(*Sagas)(nil).Stored(running, done) // measures nothing, and does not fail
}
