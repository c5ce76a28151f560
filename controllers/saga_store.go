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

// Why replies to a saga go to the dead-letter topic that cannot take them: its spec or revision is no longer what it started
// with, or is gone.
const (
	reasonSpecChanged       = v1alpha1.ReasonSpecChanged
	reasonReferencesMissing = v1alpha1.ReasonReferencesMissing
)

// errStatusRejected says that the API server refuses the status even without outputs and messages.
var errStatusRejected = errors.New("the API server refuses the status")

// store writes status, compare-and-swap on the resource version, if anything changed. It is the only writer of a saga's status. From
// then on v.saga is what the API server returned: what is sent follows from that.
func (r *SagaReconciler) store(ctx context.Context, v *visit, status v1alpha1.SagaStatus) error {
	before := v.saga.Status
	if equality.Semantic.DeepEqual(before, status) {
		return nil
	}
	if status.StartTime != nil {
		if err := r.holdBack(ctx, v); err != nil {
			return err
		}
	}
	next := v.saga.DeepCopy()
	next.Status = status
	if err := r.Client.Status().Update(ctx, next); err != nil {
		return err
	}
	v.saga, v.wrote = next, true
	r.Measured.Stored(before, v.saga.Status)
	r.tell(v.saga, before.Phase)
	return nil
}

// see stores that a change of a rejected saga's spec was seen: it stays rejected.
func (r *SagaReconciler) see(ctx context.Context, v *visit) error {
	if v.phase() != v1alpha1.PhaseRejected || !v.unseen() {
		return nil
	}
	status := *v.saga.Status.DeepCopy()
	status.ObservedGeneration = v.saga.Generation
	for i := range status.Conditions {
		status.Conditions[i].ObservedGeneration = v.saga.Generation
	}
	if err := r.store(ctx, v, status); err != nil {
		return fmt.Errorf("storing: %w", err)
	}
	return nil
}

// storeLean decides again, without the outputs that have just come, and stores that without new messages: what would be sent
// must follow from what is stored, so a step that needs such an output fails now instead of never being sent.
func (r *SagaReconciler) storeLean(ctx context.Context, v *visit, refusal error) ([]engine.Verdict, error) {
	ctrl.LoggerFrom(ctx).Error(refusal, "storing status was refused; leaving new outputs and messages out")
	v.withoutOutputs()
	r.withoutEvents(v)
	status, verdicts := v.next()
	err := r.store(ctx, v, lean(v.saga.Status, status))
	if unacceptable(err) {
		return nil, fmt.Errorf("%w: %w", errStatusRejected, err)
	}
	return verdicts, err
}

// withoutOutputs takes away what replies and persons have brought along.
func (v *visit) withoutOutputs() {
	for i, event := range v.events {
		switch e := event.(type) {
		case engine.Replied:
			if e.Outcome == engine.Succeeded {
				e.Body = nil
				v.events[i] = e
			}
		case engine.Resolve:
			e.Output = nil
			v.events[i] = e
		}
	}
}

// holdBack puts the finalizer on the saga before its first command is stored.
func (r *SagaReconciler) holdBack(ctx context.Context, v *visit) error {
	if v.ended() || v.finalized() || v.deleting() { // once it is being deleted, none can be added any more
		return nil
	}
	held := v.saga.DeepCopy()
	controllerutil.AddFinalizer(held, v1alpha1.FinalizerSaga)
	patch := client.MergeFromWithOptions(v.saga, client.MergeFromWithOptimisticLock{})
	if err := r.Client.Patch(ctx, held, patch); err != nil {
		return fmt.Errorf("adding the finalizer: %w", err)
	}
	v.saga = held
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

// settle lets the replies go whose verdict is stored.
func (r *SagaReconciler) settle(v *visit, verdicts []engine.Verdict) {
	if !v.runnable() {
		return
	}
	for i, delivery := range v.deliveries {
		switch verdicts[i] {
		case engine.Applied, engine.Settled, engine.Refused:
			r.Replies.Settle(delivery)
		case engine.Unheard, engine.Late: // see bury
		}
	}
	r.settleEvents(v, verdicts)
}

// bury sends those replies to the dead-letter topic that settle nothing and must not be lost.
func (r *SagaReconciler) bury(ctx context.Context, v *visit, verdicts []engine.Verdict) error {
	if !v.runnable() {
		return r.refuseAll(ctx, v, v.reasonNotRunnable())
	}
	errs := []error{r.refuse(ctx, v.strangers, wire.ReasonUnknownSaga)}
	for i, delivery := range v.deliveries {
		switch verdicts[i] {
		case engine.Unheard:
			errs = append(errs, r.refuse(ctx, []replies.Delivery{delivery}, wire.ReasonNotAsked))
		case engine.Late:
			errs = append(errs, r.refuse(ctx, []replies.Delivery{delivery}, wire.ReasonAfterEnd))
		case engine.Applied, engine.Settled, engine.Refused: // see settle
		}
	}
	return errors.Join(append(errs, r.buryEvents(ctx, v, verdicts))...)
}

func (v *visit) reasonNotRunnable() string {
	switch {
	case !v.started():
		return wire.ReasonNotAsked
	case v.specChanged:
		return reasonSpecChanged
	default:
		return reasonReferencesMissing
	}
}

// refuseAll sends everything that was gathered to the dead-letter topic; reason is why the saga itself does not take it.
func (r *SagaReconciler) refuseAll(ctx context.Context, v *visit, reason string) error {
	return errors.Join(r.refuse(ctx, v.strangers, wire.ReasonUnknownSaga), r.refuse(ctx, v.deliveries, reason))
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

// unknown handles a saga that the cache does not know, or no longer. What memory held of it goes; replies to it are judged on
// a live read: only that may say that it does not exist.
func (r *SagaReconciler) unknown(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	r.Outbox.Forget(req.Namespace, req.Name)
	r.wakes.forget(req)
	r.Events.Forget(req.Namespace, req.Name)
	_, deliveries := r.Replies.Gather(req.Namespace, req.Name)
	if len(deliveries) == 0 {
		return ctrl.Result{}, nil
	}
	live := &v1alpha1.Saga{}
	err := r.APIReader.Get(ctx, req.NamespacedName, live)
	if apierrors.IsNotFound(err) {
		return ctrl.Result{}, r.refuse(ctx, deliveries, wire.ReasonUnknownSaga)
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("reading the saga: %w", err)
	}
	_, result, err := r.visit(ctx, live, true)
	return result, err
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
