package controllers

import (
	"slices"
	"testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// rules writes into a saga's status by which rules it was started.
func (s *sagas) rules(name string, rules int32) *v1alpha1.Saga {
	s.t.Helper()
	saga := s.get(name)
	saga.Status.Rules = rules
	if err := s.api.Status().Update(s.t.Context(), saga); err != nil {
		s.t.Fatal(err)
	}
	return saga
}

func TestASagaThatANewerVersionStartedIsLeftAloneUntilThatIsBack(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	newer := s.rules("x", engine.Rules+1)
	s.restart() // an older version leads
	s.answer("a", wire.Succeeded, map[string]any{"id": "1"})
	s.mustReconcile("x")
	s.flush()
	if now := s.get("x"); now.ResourceVersion != newer.ResourceVersion {
		t.Errorf("it was written, and is now %+v", now.Status)
	}
	if got, want := s.commands("a"), []string{"reserve/forward/1/1"}; !slices.Equal(got, want) {
		t.Errorf("a was asked %v, not %v", got, want)
	}
	if n := len(s.broker.to(wire.DeadLettersTopic("test"))); n != 0 || s.unsettled() != 1 {
		t.Errorf("of its answer there are %d dead letters, and %d unsettled", n, s.unsettled())
	}

	s.rules("x", engine.Rules) // as for the newer version, which knows them
	s.restart()
	s.answer("a", wire.Succeeded, map[string]any{"id": "1"})
	s.mustReconcile("x")
	if st := stepNamed(t, s.get("x"), "reserve"); st.State != v1alpha1.StepSucceeded {
		t.Errorf("the answer came to nothing: the step is %s", st.State)
	}
}
