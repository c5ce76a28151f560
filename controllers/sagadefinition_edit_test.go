package controllers

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// halfWay starts that many sagas of a definition and answers their first step.
func (s *sagas) halfWay(definition string, count int) (names []string) {
	s.t.Helper()
	for i := range count {
		name := fmt.Sprintf("%s-%03d", definition, i)
		names = append(names, name)
		s.start(about(fmt.Sprintf("o-%d", i), fromDefinition(name, definition)))
		s.answerTo(name, "a", wire.Succeeded)
	}
	return names
}

// said returns what a participant was sent on behalf of a saga: type and data, as they left.
func (s *sagas) said(participant, name string) (said []string) {
	s.t.Helper()
	for _, m := range s.broker.to(participant + ".commands") {
		c, err := wire.DecodeCommand(m)
		if err != nil {
			s.t.Fatal(err)
		}
		if c.Saga.Name == name {
			said = append(said, c.Type+" "+string(bytes.TrimSpace(m.Value)))
		}
	}
	return said
}

func TestEditingADefinitionWhileAHundredSagasRunChangesNoneOfThem(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b", "c")
	spec := *twoSteps("x").Spec.Definition
	spec.Steps = append(spec.Steps, v1alpha1.Step{
		Name: "ship", Participant: "a", Recovery: v1alpha1.RecoveryRetriable,
		Action: &v1alpha1.Action{Command: "ship", Input: raw(`{"order":"${params.orderId}","by":"road"}`)},
	})
	first := s.redefine("order", *spec.DeepCopy()).Status.Revision
	names := s.halfWay("order", 100)

	edited := spec.DeepCopy()
	edited.Steps[0].Action.Input = raw(`{"changed":"${params.orderId}"}`)
	edited.Steps[1].Participant, edited.Steps[1].Action.Command = "c", "bill"
	edited.Steps[2].Action.Input = raw(`{"order":"${params.orderId}","by":"air"}`)
	second := s.redefine("order", *edited).Status.Revision
	s.restart() // nothing of the first revision is remembered
	for i, name := range names {
		if i%2 == 0 {
			s.mustReconcile(name)
			s.answerTo(name, "b", wire.Failed) // these turn back
			s.answerTo(name, "a", wire.Succeeded)
			s.expectPhase(name, v1alpha1.PhaseCompensated)
			continue
		}
		s.mustReconcile(name)
		s.answerTo(name, "b", wire.Succeeded)
		s.answerTo(name, "a", wire.Succeeded)
		s.expectPhase(name, v1alpha1.PhaseCompleted)
	}
	for i, name := range names {
		last := fmt.Sprintf(`a.ship {"by":"road","order":"o-%d"}`, i)
		if i%2 == 0 {
			last = fmt.Sprintf(`a.release {"orderId":"o-%d"}`, i)
		}
		if got, want := s.said("a", name), []string{fmt.Sprintf(`a.reserve {"orderId":"o-%d"}`, i), last}; !slices.Equal(got, want) {
			t.Fatalf("%s has sent %q; want %q, as its revision %s says", name, got, want, first)
		}
		if got := s.said("b", name); !slices.Equal(slices.Compact(got), []string{"b.charge {}"}) || len(s.said("c", name)) > 0 {
			t.Fatalf("%s has sent %q to b, %q to c", name, got, s.said("c", name))
		}
	}
	s.start(about("o-new", fromDefinition("new", "order")))
	if got := s.said("a", "new"); s.get("new").Status.Revision != second || !slices.Equal(got, []string{`a.reserve {"changed":"o-new"}`}) {
		t.Errorf("a new saga has sent %q, under revision %s", got, s.get("new").Status.Revision)
	}
}

func TestSagasEndThoughTheirDefinitionIsDeleted(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	def := s.redefine("order", *twoSteps("x").Spec.Definition)
	names := s.halfWay("order", 100)
	if err := s.api.Delete(t.Context(), def); err != nil {
		t.Fatal(err)
	}
	revision := &appsv1.ControllerRevision{}
	if err := s.api.Get(t.Context(), s.key(def.Status.Revision), revision); err != nil {
		t.Fatal(err)
	}
	if err := s.api.Delete(t.Context(), revision); err != nil { // as the garbage collector would
		t.Fatal(err)
	}
	s.restart()
	for _, name := range names {
		s.mustReconcile(name)
		s.answerTo(name, "b", wire.Succeeded)
		s.expectPhase(name, v1alpha1.PhaseCompleted)
	}
	if err := s.api.Get(t.Context(), client.ObjectKeyFromObject(revision), revision); err != nil || revision.DeletionTimestamp.IsZero() {
		t.Errorf("the revision: %v, deleted at %v; want it held by its finalizer", err, revision.DeletionTimestamp)
	}
}
