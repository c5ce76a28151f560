package controllers

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

func raw(format string, args ...any) *runtime.RawExtension {
	return &runtime.RawExtension{Raw: fmt.Appendf(nil, format, args...)}
}

func TestWhatCannotRunBecomesAConditionAndSendsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*v1alpha1.Saga)
		phase   v1alpha1.SagaPhase
		reason  string
		message string
	}{
		"a missing definition is waited for": {
			change: func(s *v1alpha1.Saga) {
				s.Spec.Definition, s.Spec.DefinitionRef = nil, &v1alpha1.DefinitionReference{Name: "none"}
			},
			phase: v1alpha1.PhasePending, reason: v1alpha1.ReasonDefinitionNotFound, message: `SagaDefinition "none"`,
		},
		"a missing participant is waited for": {
			change: func(s *v1alpha1.Saga) { s.Spec.Definition.Steps[1].Participant = "nobody" },
			phase:  v1alpha1.PhasePending, reason: v1alpha1.ReasonParticipantNotFound, message: `SagaParticipant "nobody"`,
		},
		"an expression that does not compile": {
			change: func(s *v1alpha1.Saga) { s.Spec.Definition.Steps[0].Action.Input = raw(`{"x":"${params.}"}`) },
			phase:  v1alpha1.PhaseRejected, reason: v1alpha1.ReasonInvalidExpression, message: "steps[0] (reserve): invalid expression: action.input",
		},
		"an expression that reads a later step": {
			change: func(s *v1alpha1.Saga) {
				s.Spec.Definition.Steps[0].Action.Input = raw(`{"x":"${steps['charge'].output.id}"}`)
			},
			phase: v1alpha1.PhaseRejected, reason: v1alpha1.ReasonInvalidExpression, message: "charge",
		},
		"a compensation that needs its own output": {
			change: func(s *v1alpha1.Saga) {
				s.Spec.Definition.Steps[0].Compensation.Input = raw(`{"x":"${steps['reserve'].output.id}"}`)
			},
			phase: v1alpha1.PhaseRejected, reason: v1alpha1.ReasonInvalidExpression, message: "compensation.input",
		},
		"params that break the schema": {
			change: func(s *v1alpha1.Saga) {
				s.Spec.Definition.Parameters = raw(`{"type":"object","required":["amount"]}`)
			},
			phase: v1alpha1.PhaseRejected, reason: v1alpha1.ReasonInvalidParameters, message: "amount",
		},
		"a schema that is none": {
			change: func(s *v1alpha1.Saga) { s.Spec.Definition.Parameters = raw(`{"type":"thing"}`) },
			phase:  v1alpha1.PhaseRejected, reason: v1alpha1.ReasonInvalidDefinition, message: "parameters",
		},
		"params beyond 16 KiB": {
			change: func(s *v1alpha1.Saga) { s.Spec.Params = raw(`{"x":%q}`, strings.Repeat("a", 16<<10)) },
			phase:  v1alpha1.PhaseRejected, reason: v1alpha1.ReasonInvalidParameters, message: "16392 bytes, at most 16384",
		},
		"params that are no object": {
			change: func(s *v1alpha1.Saga) { s.Spec.Params = raw(`[1]`) },
			phase:  v1alpha1.PhaseRejected, reason: v1alpha1.ReasonInvalidParameters, message: "must be an object",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b")
			saga := twoSteps("x")
			c.change(saga)
			s.create(saga)
			s.mustReconcile("x")
			s.flush()
			status := s.get("x").Status
			accepted := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionAccepted)
			if status.Phase != c.phase || accepted.Reason != c.reason || !strings.Contains(accepted.Message, c.message) {
				t.Errorf("phase %s, reason %s, message %q", status.Phase, accepted.Reason, accepted.Message)
			}
			if len(s.broker.sent) != 0 {
				t.Errorf("%d messages were sent", len(s.broker.sent))
			}
		})
	}
}

func TestAnExpressionThatFailsAtRunTimeFailsItsStep(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.Definition.Steps[1].Action.Input = raw(`{"x":"${params.missing}"}`)
	s.create(saga)
	s.mustReconcile("x")
	s.flush()
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	status := s.get("x").Status
	if status.Phase != v1alpha1.PhaseCompensating || status.Cause.Code != v1alpha1.CodeInvalidInput {
		t.Fatalf("phase %s, cause %+v", status.Phase, status.Cause)
	}
}

func TestARefusedBodyOfASuccessIsUndone(t *testing.T) {
	for name, body := range map[string]struct {
		body any
		code string
	}{
		"larger than 16 KiB": {map[string]string{"x": strings.Repeat("a", 16<<10)}, v1alpha1.CodeOutputTooLarge},
		"no JSON object":     {[]int{1}, v1alpha1.CodeUnreadable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b")
			s.create(twoSteps("x"))
			s.mustReconcile("x")
			s.flush()
			s.answerRaw("a", wire.Succeeded, body.body)
			s.mustReconcile("x")
			s.flush()
			status := s.get("x").Status
			if status.Phase != v1alpha1.PhaseCompensating || status.Cause.Code != body.code {
				t.Fatalf("phase %s, cause %+v", status.Phase, status.Cause)
			}
			if got := s.commands("a"); len(got) != 2 || got[1] != "reserve/backward/1/1" {
				t.Fatalf("a was asked %v", got)
			}
		})
	}
}

func TestOfTwoUnfinishedSagasWithOneKeyTheSecondIsRejected(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	for _, name := range []string{"x", "y"} {
		saga := twoSteps(name)
		saga.Spec.IdempotencyKey = "order-1"
		s.create(saga)
		s.mustReconcile(name)
	}
	status := s.get("y").Status
	accepted := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionAccepted)
	if status.Phase != v1alpha1.PhaseRejected || accepted.Reason != v1alpha1.ReasonDuplicateKey {
		t.Fatalf("phase %s, reason %s: %s", status.Phase, accepted.Reason, accepted.Message)
	}
}

func TestAChangedSpecSendsNothing(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.restart()
	saga := s.get("x")
	saga.Status.InputDigest = "sha256:00000000000000000000000000000000" // as if it had started with something else
	if err := s.api.Status().Update(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
	s.mustReconcile("x")
	s.flush()
	ready := meta.FindStatusCondition(s.get("x").Status.Conditions, v1alpha1.ConditionReady)
	if ready.Reason != v1alpha1.ReasonSpecChanged || len(s.broker.sent) != 0 {
		t.Fatalf("reason %s, %d messages sent", ready.Reason, len(s.broker.sent))
	}
}

func TestDeletingARunningSagaUndoesItFirst(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	s.answer("a", wire.Succeeded, nil)
	if err := s.api.Delete(t.Context(), s.get("x")); err != nil {
		t.Fatal(err)
	}
	s.mustReconcile("x")
	s.flush()
	if got := s.commands("a"); len(got) != 2 || got[1] != "reserve/backward/1/1" {
		t.Fatalf("a was asked %v", got)
	}
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	s.flush()
	s.mustReconcile("x")
	if err := s.api.Get(t.Context(), s.key("x"), &v1alpha1.Saga{}); err == nil {
		t.Fatal("the saga is still there")
	}
}

func TestAnOrphanedSagaIsLetGoAsItIs(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
	s.create(saga)
	s.mustReconcile("x")
	s.flush()
	if err := s.api.Delete(t.Context(), s.get("x")); err != nil {
		t.Fatal(err)
	}
	s.mustReconcile("x")
	s.flush()
	if err := s.api.Get(t.Context(), s.key("x"), &v1alpha1.Saga{}); err == nil {
		t.Fatal("the saga is still there")
	}
	if got := s.commands("a"); len(got) != 1 {
		t.Fatalf("a was asked %v", got)
	}
}

func TestNoSagaStartsWithAParticipantThatIsBeingDeleted(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	going := &v1alpha1.SagaParticipant{}
	if err := s.api.Get(t.Context(), s.key("b"), going); err != nil {
		t.Fatal(err)
	}
	going.Finalizers = []string{v1alpha1.FinalizerInUse}
	if err := s.api.Update(t.Context(), going); err != nil {
		t.Fatal(err)
	}
	if err := s.api.Delete(t.Context(), going); err != nil {
		t.Fatal(err)
	}
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	if status := s.get("x").Status; status.Phase != v1alpha1.PhasePending || len(s.commands("a")) != 0 {
		t.Fatalf("phase %s, a was asked %v", status.Phase, s.commands("a"))
	}
}
