package controllers

import (
	"fmt"
	"testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// pinned is a saga of one revision of a definition.
func pinned(name, definition, revision string) *v1alpha1.Saga {
	saga := fromDefinition(name, definition)
	saga.Spec.DefinitionRef.Revision = revision
	return saga
}

func TestASagaRunsTheRevisionThatItNames(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	spec := *twoSteps("x").Spec.Definition
	first := s.redefine("order", spec).Status.Revision
	spec.Steps = spec.Steps[1:]
	second := s.redefine("order", spec).Status.Revision
	s.start(pinned("old", "order", first))
	s.start(fromDefinition("new", "order"))
	for name, want := range map[string]string{"old": first, "new": second} {
		if saga := s.get(name); saga.Status.Revision != want || saga.Status.Phase != v1alpha1.PhaseRunning {
			t.Errorf("%s runs revision %q, phase %s; want %q", name, saga.Status.Revision, saga.Status.Phase, want)
		}
	}
}

func TestASagaWaitsForARevisionThatIsNotKept(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	spec := *twoSteps("x").Spec.Definition
	first := s.redefine("order", spec).Status.Revision
	spec.Steps = spec.Steps[1:]
	second := s.redefine("order", spec).Status.Revision
	foreign := s.redefine("refund", spec).Status.Revision
	for name, c := range map[string]struct{ definition, revision, message string }{
		"unknown":    {"order", "order-none", fmt.Sprintf("kept are %s, %s", second, first)},
		"foreign":    {"order", foreign, fmt.Sprintf("kept are %s, %s", second, first)},
		"definition": {"none", first, "none is kept"},
	} {
		s.start(pinned(name, c.definition, c.revision))
		s.expectPhase(name, v1alpha1.PhasePending)
		want := fmt.Sprintf("Waiting for revision %q of SagaDefinition %q: %s", c.revision, c.definition, c.message)
		if reason, message := s.accepted(name); reason != v1alpha1.ReasonDefinitionNotFound || message != want {
			t.Errorf("%s: reason %s, message %q; want %q", name, reason, message, want)
		}
	}
}
