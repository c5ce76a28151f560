package controllers

import (
	"context"
	"errors"
	"fmt"

	"github.com/sagas-dev/saga-operator/internal/wire"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/replies"
)

// reasonSpecChanged is why replies to a saga go to the dead-letter topic whose spec or revision is no longer what it started with.
const reasonSpecChanged = "SpecChanged"

// errStatusRejected says that the API server refuses the status even without outputs and messages.
var errStatusRejected = errors.New("the API server refuses the status")

// store writes status, compare-and-swap on the resource version, if anything changed. It is the only writer of a saga's status. From
// then on v.saga is what the API server returned: what is sent follows from that.
func (r *SagaReconciler) store(ctx context.Context, v *visit, status v1alpha1.SagaStatus) error {
	before := v.saga.Status
	if equality.Semantic.DeepEqual(before, status) {
		return nil
	}
	next := v.saga.DeepCopy()
	if status.StartTime != nil {
		if err := r.holdBack(ctx, next); err != nil {
			return err
		}
	}
	next.Status = status
	err := r.Client.Status().Update(ctx, next)
	if unacceptable(err) {
		ctrl.LoggerFrom(ctx).Error(err, "storing status was refused; leaving new outputs and messages out")
		next.Status = lean(before, status)
		if err = r.Client.Status().Update(ctx, next); unacceptable(err) {
			return fmt.Errorf("%w: %w", errStatusRejected, err)
		}
	}
	if err != nil {
		return err
	}
	v.saga, v.wrote = next, true
	r.tell(v.saga, before.Phase)
	return nil
}

// holdBack puts the finalizer on the saga before its first command is stored.
func (r *SagaReconciler) holdBack(ctx context.Context, saga *v1alpha1.Saga) error {
	patch := client.MergeFromWithOptions(saga.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if saga.Status.EndTime != nil || !controllerutil.AddFinalizer(saga, v1alpha1.FinalizerSaga) {
		return nil
	}
	if !saga.DeletionTimestamp.IsZero() {
		return nil // finalizers cannot be added any more
	}
	if err := r.Client.Patch(ctx, saga, patch); err != nil {
		return fmt.Errorf("adding the finalizer: %w", err)
	}
	return nil
}

// unacceptable says whether the API server refuses an object as such, so that repeating it will not help.
func unacceptable(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// lean returns status without the outputs and messages that are not stored yet.
func lean(before, status v1alpha1.SagaStatus) v1alpha1.SagaStatus {
	known := map[string]*v1alpha1.StepStatus{}
	for i := range before.Steps {
		known[before.Steps[i].Name] = &before.Steps[i]
	}
	lean := *status.DeepCopy()
	if lean.Cause != nil {
		lean.Cause.Message = ""
	}
	for i := range lean.Steps {
		st := &lean.Steps[i]
		if old := known[st.Name]; old == nil || old.Output == nil {
			st.Output = nil
		}
		for _, x := range []*v1alpha1.Exchange{st.Action, st.Compensation} {
			if x != nil {
				x.Message = ""
			}
		}
	}
	return lean
}

// settle lets the replies go whose verdict is stored, or sends those to the dead-letter topic that settle nothing and must
// not be lost.
func (r *SagaReconciler) settle(ctx context.Context, v *visit, verdicts []engine.Verdict) error {
	if err := r.refuse(ctx, v.strangers, wire.ReasonUnknownSaga); err != nil {
		return err
	}
	if !v.runnable() {
		return r.refuse(ctx, v.deliveries, v.reasonNotRunnable())
	}
	for i, delivery := range v.deliveries {
		var err error
		switch verdicts[i] {
		case engine.Unheard:
			err = r.Replies.DeadLetter(ctx, delivery, wire.ReasonNotAsked)
		case engine.Late:
			err = r.Replies.DeadLetter(ctx, delivery, wire.ReasonAfterEnd)
		case engine.Applied, engine.Settled, engine.Refused:
			r.Replies.Settle(delivery)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) reasonNotRunnable() string {
	if v.started() {
		return reasonSpecChanged
	}
	return wire.ReasonNotAsked
}

// refuse sends deliveries to the dead-letter topic.
func (r *SagaReconciler) refuse(ctx context.Context, deliveries []replies.Delivery, reason string) error {
	for _, delivery := range deliveries {
		if err := r.Replies.DeadLetter(ctx, delivery, reason); err != nil {
			return fmt.Errorf("sending a reply to the dead-letter topic (%s): %w", reason, err)
		}
	}
	return nil
}

// rejectStrangers handles replies to a saga that the cache does not know: only a live read may say that it does not exist.
func (r *SagaReconciler) rejectStrangers(ctx context.Context, req ctrl.Request) error {
	_, deliveries := r.Replies.Gather(req.Namespace, req.Name)
	if len(deliveries) == 0 {
		return nil
	}
	live := &v1alpha1.Saga{}
	err := r.APIReader.Get(ctx, req.NamespacedName, live)
	if apierrors.IsNotFound(err) {
		return r.refuse(ctx, deliveries, wire.ReasonUnknownSaga)
	}
	if err != nil {
		return fmt.Errorf("reading the saga: %w", err)
	}
	_, _, err = r.visit(ctx, live, true)
	return err
}

// tell records an Event for the rare changes of phase that people should hear of.
func (r *SagaReconciler) tell(saga *v1alpha1.Saga, before v1alpha1.SagaPhase) {
	phase := saga.Status.Phase
	if phase == before {
		return
	}
	var message string
	for _, c := range saga.Status.Conditions {
		if c.Type == v1alpha1.ConditionReady {
			message = c.Message
		}
	}
	switch phase {
	case v1alpha1.PhaseCompensating:
		r.Recorder.Eventf(saga, nil, corev1.EventTypeNormal, v1alpha1.ReasonCompensating, "Compensate", "%s", message)
	case v1alpha1.PhaseNeedsIntervention:
		r.Recorder.Eventf(saga, nil, corev1.EventTypeWarning, v1alpha1.ReasonNeedsIntervention, "Wait", "%s", message)
	case v1alpha1.PhaseRejected:
		r.Recorder.Eventf(saga, nil, corev1.EventTypeWarning, v1alpha1.ReasonRejected, "Reject", "%s", message)
	case v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated:
	}
}
