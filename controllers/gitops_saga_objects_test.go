package controllers

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// change edits a saga as a person or a Git tool does, and lets it be looked at.
func (s *sagas) change(name string, edit func(*v1alpha1.Saga)) {
	s.t.Helper()
	saga := s.get(name)
	edit(saga)
	if err := s.api.Update(s.t.Context(), saga); err != nil {
		s.t.Fatal(err)
	}
	s.mustReconcile(name)
	s.flush()
}

// remove deletes an object; a saga is looked at then.
func (s *sagas) remove(name string) {
	s.t.Helper()
	if err := s.api.Delete(s.t.Context(), s.get(name)); err != nil {
		s.t.Fatal(err)
	}
	s.mustReconcile(name)
	s.flush()
}

// threeSteps is twoSteps with a shipment that cannot be undone and an invoice that must succeed, at c and d.
func threeSteps(name string) *v1alpha1.Saga {
	saga := twoSteps(name)
	once := int32(1)
	saga.Spec.Definition.Steps = append(saga.Spec.Definition.Steps, v1alpha1.Step{
		Name: "ship", Participant: "c", Recovery: v1alpha1.RecoveryPivot, Action: &v1alpha1.Action{Command: "ship"},
	}, v1alpha1.Step{
		Name: "invoice", Participant: "d", Recovery: v1alpha1.RecoveryRetriable,
		Action: &v1alpha1.Action{Command: "send", Retry: &v1alpha1.RetryPolicy{MaxAttempts: &once}},
	})
	return saga
}

func edited(saga *v1alpha1.Saga, edit func(*v1alpha1.Saga)) *v1alpha1.Saga {
	edit(saga)
	return saga
}

// reserved is a saga that has reserved at a, and asks b.
func (s *sagas) reserved(saga *v1alpha1.Saga) {
	s.start(saga)
	s.says("x", "a", wire.Succeeded, map[string]string{"reservationId": "r-81"})
}

// shipped is a saga beyond its point of no return, which asks d.
func (s *sagas) shipped() {
	s.reserved(threeSteps("x"))
	s.says("x", "b", wire.Succeeded, nil)
	s.says("x", "c", wire.Succeeded, nil)
}

// undoing is a saga whose charge was declined, and which asks a to release.
func (s *sagas) undoing() {
	s.reserved(twoSteps("x"))
	s.says("x", "b", wire.Failed, declined)
}

var keyUsed = wire.Failure{Code: v1alpha1.CodeKeyUsed, Message: "another saga has used this key"}

// waitsAsKeyUsed is a saga that was made anew after it was done.
func (s *sagas) waitsAsKeyUsed(saga *v1alpha1.Saga) {
	s.start(saga)
	s.says("x", "a", wire.Failed, keyUsed)
}

// sagaObjects are the sagas that Git tools may meet, by how they came about; each is called x.
var sagaObjects = map[string]func(*sagas){
	"new":                  func(s *sagas) { s.create(twoSteps("x")) },
	"waits-for-definition": func(s *sagas) { s.start(fromDefinition("x", "order")) },
	"waits-for-participant": func(s *sagas) {
		s.start(edited(twoSteps("x"), func(x *v1alpha1.Saga) { x.Spec.Definition.Steps[1].Participant = "absent" }))
	},
	"suspended-before-start": func(s *sagas) { s.start(edited(twoSteps("x"), func(x *v1alpha1.Saga) { x.Spec.Suspend = true })) },
	"waits-for-permission":   func(s *sagas) { s.r.Permitted = permitting(s.t, s.namespace, "a."); s.start(twoSteps("x")) },
	"suspended-and-waits": func(s *sagas) {
		s.start(edited(fromDefinition("x", "order"), func(x *v1alpha1.Saga) { x.Spec.Suspend = true }))
	},
	"rejected-parameters": func(s *sagas) { s.start(edited(twoSteps("x"), func(x *v1alpha1.Saga) { x.Spec.Params = raw(`[1]`) })) },
	"rejected-definition": func(s *sagas) {
		s.start(edited(twoSteps("x"), func(x *v1alpha1.Saga) { x.Spec.Definition.Steps[0].Action.Input = raw(`["a"]`) }))
	},
	"rejected-expression": func(s *sagas) {
		s.start(edited(twoSteps("x"), func(x *v1alpha1.Saga) { x.Spec.Definition.Steps[0].Action.Input = raw(`{"a":"${params.}"}`) }))
	},
	"rejected-duplicate-key": duplicateKey,
	"running":                func(s *sagas) { s.reserved(twoSteps("x")) },
	"running-asks-again": func(s *sagas) {
		s.start(twoSteps("x"))
		s.says("x", "a", wire.Retry, wire.Failure{Code: "BUSY", Message: "Later"})
	},
	"running-reference-gone": referenceGone,
	"running-abort-refused":  func(s *sagas) { s.shipped(); s.change("x", func(x *v1alpha1.Saga) { x.Spec.Abort = true }) },
	"suspended": func(s *sagas) {
		s.reserved(twoSteps("x"))
		s.change("x", func(x *v1alpha1.Saga) { x.Spec.Suspend = true })
	},
	"change-not-seen-yet":   changeNotSeen,
	"compensating":          func(s *sagas) { s.undoing() },
	"compensating-unknown":  outcomeUnknown,
	"compensating-deadline": deadlineExceeded,
	"compensating-aborted": func(s *sagas) {
		s.reserved(twoSteps("x"))
		s.change("x", func(x *v1alpha1.Saga) { x.Spec.Abort = true })
	},
	"deleting":                func(s *sagas) { s.reserved(twoSteps("x")); s.remove("x") },
	"deleting-needs-decision": func(s *sagas) { s.undoing(); s.says("x", "a", wire.Failed, broken); s.remove("x") },
	"needs-decision-backward": func(s *sagas) { s.undoing(); s.says("x", "a", wire.Failed, broken) },
	"needs-decision-forward":  func(s *sagas) { s.shipped(); s.says("x", "d", wire.Failed, broken) },
	"needs-other-decision":    decisionRefused,
	"key-used":                func(s *sagas) { s.waitsAsKeyUsed(twoSteps("x")) },
	"key-used-aborted": func(s *sagas) {
		s.waitsAsKeyUsed(twoSteps("x"))
		s.change("x", func(x *v1alpha1.Saga) { x.Spec.Abort = true })
		s.settle("x")
	},
	"key-used-ended": func(s *sagas) {
		s.waitsAsKeyUsed(edited(twoSteps("x"), func(x *v1alpha1.Saga) { x.Spec.OnKeyUsed = v1alpha1.KeyUsedEnd }))
		s.settle("x")
	},
	"spec-changed": specReplaced,
	"compensated":  func(s *sagas) { ends[v1alpha1.PhaseCompensated](s) },
	"completed":    func(s *sagas) { ends[v1alpha1.PhaseCompleted](s) },
	"completed-then-changed": func(s *sagas) {
		ends[v1alpha1.PhaseCompleted](s)
		s.change("x", func(x *v1alpha1.Saga) { x.Spec.Abort = true })
	},
}

var broken = wire.Failure{Code: "UnknownCommand", Message: "no such command"}

func duplicateKey(s *sagas) {
	for _, name := range []string{"first", "x"} {
		s.start(edited(twoSteps(name), func(x *v1alpha1.Saga) { x.Spec.IdempotencyKey = "order-1" }))
	}
}

// referenceGone is a saga whose revision was removed the hard way.
func referenceGone(s *sagas) {
	s.define("order")
	s.reserved(fromDefinition("x", "order"))
	revision := &appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: s.get("x").Status.Revision}}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
	if err := s.api.Patch(s.t.Context(), revision, patch); err != nil {
		s.t.Fatal(err)
	}
	if err := s.api.Delete(s.t.Context(), revision); client.IgnoreNotFound(err) != nil {
		s.t.Fatal(err)
	}
	s.mustReconcile("x")
}

// changeNotSeen is a completed saga whose spec was changed while no manager runs.
func changeNotSeen(s *sagas) {
	saga := ends[v1alpha1.PhaseCompleted](s)
	saga.Spec.TTL = &v1alpha1.SagaTTL{Completed: &metav1.Duration{Duration: 2 * time.Hour}}
	if err := s.api.Update(s.t.Context(), saga); err != nil {
		s.t.Fatal(err)
	}
}

func outcomeUnknown(s *sagas) {
	saga, once := patient("x"), int32(1)
	saga.Spec.Definition.Steps[1].Action.Retry = &v1alpha1.RetryPolicy{MaxAttempts: &once}
	s.reserved(saga)
	s.pass("x", 31*time.Second)
}

func deadlineExceeded(s *sagas) {
	saga := patient("x")
	saga.Spec.Definition.Deadline = &metav1.Duration{Duration: 10 * time.Second}
	s.reserved(saga)
	s.pass("x", 11*time.Second)
}

// decisionRefused is a saga whose decision is none of those that it waits for.
func decisionRefused(s *sagas) {
	s.undoing()
	s.says("x", "a", wire.Failed, broken)
	s.change("x", func(x *v1alpha1.Saga) {
		x.Spec.Resolutions = []v1alpha1.Resolution{{Step: "reserve", Decision: 1, Action: v1alpha1.ResolutionCompensate, By: "ada", Reason: "ticket 4711"}}
	})
}

// specReplaced is a saga that runs something else than what it started with.
func specReplaced(s *sagas) {
	s.reserved(twoSteps("x"))
	s.restart()
	saga := s.get("x")
	saga.Status.InputDigest = "sha256:00000000000000000000000000000000"
	if err := s.api.Status().Update(s.t.Context(), saga); err != nil {
		s.t.Fatal(err)
	}
	s.mustReconcile("x")
}

func TestObjectsOfGitToolsSaga(t *testing.T) {
	for name, story := range sagaObjects {
		t.Run(name, func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b", "c", "d")
			story(s)
			golden(t, s.api, s.key("x"), "Saga", name)
		})
	}
}
