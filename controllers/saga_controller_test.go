package controllers

import (
	"slices"
	"testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

func TestASagaRunsToItsEnd(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	s.answer("a", wire.Succeeded, map[string]string{"reservationId": "r-1"})
	s.mustReconcile("x")
	s.flush()
	s.answer("b", wire.Succeeded, nil)
	s.mustReconcile("x")
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseCompleted {
		t.Fatalf("phase is %s", phase)
	}
	if !hasFinalizer(s.get("x")) {
		t.Fatal("the finalizer went before the end was announced")
	}
	s.flush()
	s.mustReconcile("x")
	if hasFinalizer(s.get("x")) {
		t.Fatal("the finalizer stays after the end was announced")
	}
	if n := len(s.broker.to("test.saga.outcomes")); n != 1 {
		t.Fatalf("%d announcements", n)
	}
	if n := s.unsettled(); n != 0 {
		t.Fatalf("%d replies wait", n)
	}
}

func TestADeclinedStepUndoesTheStepsBeforeIt(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	s.flush()
	s.answer("b", wire.Failed, wire.Failure{Code: "DECLINED", Message: "Card declined"})
	s.mustReconcile("x")
	s.flush()
	if got, want := s.commands("a"), []string{"reserve/forward/1/1", "reserve/backward/1/1"}; !slices.Equal(got, want) {
		t.Fatalf("a was asked %v, not %v", got, want)
	}
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	saga := s.get("x")
	if saga.Status.Phase != v1alpha1.PhaseCompensated || saga.Status.Cause.Code != "DECLINED" {
		t.Fatalf("phase is %s, cause %+v", saga.Status.Phase, saga.Status.Cause)
	}
}
