package controllers

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/events"
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

func TestTheEventsOfASagaThatANewerVersionStartedWaitForThat(t *testing.T) {
	s := await(t)
	newer := s.rules("x", engine.Rules+1)
	s.restart() // an older version leads
	s.expects("x")
	s.mustReconcile("x")
	s.look()
	s.happens("a.received", "e-1", "o-1", ten)
	s.mustReconcile("x")
	s.now = s.now.Add(2 * events.Grace)
	s.read()
	s.expectCommitted(0)
	if now := s.get("x"); now.ResourceVersion != newer.ResourceVersion || s.kept() != 1 {
		t.Errorf("%d events are kept, and it is now %+v", s.kept(), now.Status)
	}

	s.rules("x", engine.Rules) // as for the newer version, which knows them
	s.restart()
	s.mustReconcile("x")
	s.look()
	s.mustReconcile("x")
	s.expectState("pay", v1alpha1.StepSucceeded)
	s.expectCommitted(1)
}

func TestTheEventsOfASagaWhoseSpecWasChangedWaitUntilItIsRestored(t *testing.T) {
	s := await(t)
	saga := s.get("x")
	digest := saga.Status.InputDigest
	started := func(with string) {
		saga := s.get("x")
		saga.Status.InputDigest = with
		if err := s.api.Status().Update(t.Context(), saga); err != nil {
			t.Fatal(err)
		}
		s.restart()
		s.expects("x")
		s.mustReconcile("x")
		s.look()
	}
	started("sha256:00000000000000000000000000000000") // as if it had started with something else
	s.happens("a.received", "e-1", "o-1", ten)
	s.mustReconcile("x")
	s.now = s.now.Add(2 * events.Grace)
	s.read()
	s.expectCommitted(0)
	started(digest)
	s.mustReconcile("x")
	s.expectState("pay", v1alpha1.StepSucceeded)
	s.expectCommitted(1)
}

func TestWhatANewerSagaListensForIsLookedForPastTheCache(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.redefine("paid", *awaiting("x", "o-1").Spec.Definition)
	saga := fromDefinition("x", "paid")
	saga.Spec.Params = raw(`{"orderId":"o-1"}`)
	s.start(saga)
	s.expectState("pay", v1alpha1.StepRunning)
	s.rules("x", engine.Rules+1)
	s.restart()
	s.cache = s.seeing(noRevision)
	s.mustReconcile("x")
	s.look()
	s.happens("a.received", "e-1", "o-1", ten)
	s.now = s.now.Add(2 * events.Grace)
	s.read()
	s.expectCommitted(0)
}

func TestANewerSagaThatIsNotUnderstoodHoldsUpNoOther(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.redefine("paid", *awaiting("x", "o-1").Spec.Definition)
	saga := fromDefinition("x", "paid")
	saga.Spec.Params = raw(`{"orderId":"o-1"}`)
	s.start(saga)
	s.rules("x", engine.Rules+1)
	s.restart()
	s.cache = s.seeing(noRevision)
	s.r.APIReader = s.cache // its revision is gone
	s.expects("x")
	s.mustReconcile("x")
	s.look()
	s.happens("a.received", "e-1", "o-1", ten) // of a kind that the definition listens for
	s.now = s.now.Add(2 * events.Grace)
	s.read()
	s.expectCommitted(1)
}

func TestASagaThatHasEndedByNewerRulesKeepsNoEvents(t *testing.T) {
	s := await(t)
	saga := s.rules("x", engine.Rules+1)
	saga.Status.Phase, saga.Status.EndTime = v1alpha1.PhaseCompleted, &metav1.Time{Time: s.now}
	if err := s.api.Status().Update(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
	s.restart()
	s.expects("x")
	s.mustReconcile("x")
	s.look()
	s.happens("a.received", "e-1", "o-1", ten)
	s.now = s.now.Add(2 * events.Grace)
	s.read()
	if s.kept() != 0 {
		t.Errorf("%d events are kept", s.kept())
	}
}
