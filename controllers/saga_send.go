package controllers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/outbound"
)

// send offers what the stored status has asked and not got answered, and nothing else: it reads v.saga, which is what the API
// server returned. The outbox skips what the broker has acknowledged already.
func (r *SagaReconciler) send(v *visit) error {
	if !v.runnable() {
		r.Outbox.Offer(sagaOf(v.saga), nil)
		return nil
	}
	if _, err := r.Encoder.ReplyPartition(v.id.UID); err != nil {
		r.wakes.whenReadable(v.saga, v.seen) // the reply topic is not known yet: the commands stay pending
		return nil                           //nolint:nilerr // waiting is no error
	}
	commands, err := v.run.Pending(v.saga.Status.SagaState)
	failures := []error{err} // what cannot be sent holds nothing else back
	var items []dispatch.Item
	add := func(item dispatch.Item, err error) {
		if err != nil {
			failures = append(failures, err)
			return
		}
		items = append(items, item)
	}
	for _, c := range commands {
		if topics, ok := v.topics[c.Participant]; ok { // else condition Accepted says which participant is waited for
			add(r.command(v, c, topics))
		}
	}
	if a, ok := engine.Announce(v.saga.Status.SagaState); ok {
		add(r.announcement(v, a))
	}
	r.Outbox.Offer(sagaOf(v.saga), items)
	return errors.Join(failures...)
}

func (r *SagaReconciler) command(v *visit, c engine.Command, topics v1alpha1.ParticipantTopics) (dispatch.Item, error) {
	topic := topics.Commands
	if c.Publish {
		topic = topics.Events
	}
	return r.item(v, r.Encoder.CommandID(v.id, c), topic, func() (outbound.Message, error) { return r.Encoder.Command(v.id, c, topics) })
}

// item encodes a message unless the outbox has it already.
func (r *SagaReconciler) item(v *visit, id, topic string, encode func() (outbound.Message, error)) (dispatch.Item, error) {
	if r.Outbox.Knows(v.id.UID, id, topic) {
		return dispatch.Item{ID: id}, nil
	}
	m, err := encode()
	if err != nil {
		return dispatch.Item{}, err
	}
	return dispatch.Item{ID: id, Message: m.Message, Backward: m.Backward, Timeout: m.Timeout, Resend: !v.wrote}, nil
}

func (r *SagaReconciler) announcement(v *visit, a engine.Announcement) (dispatch.Item, error) {
	return r.item(v, outbound.AnnouncementID(v.id, a), wire.OutcomesTopic(r.Encoder.Installation), func() (outbound.Message, error) {
		return r.Encoder.Announcement(v.id, v.saga, a)
	})
}

func sagaOf(saga *v1alpha1.Saga) dispatch.Saga {
	return dispatch.Saga{UID: string(saga.UID), Namespace: saga.Namespace, Name: saga.Name, Created: saga.CreationTimestamp.Time}
}

// retire settles a finished saga: its end is announced, then its finalizer goes, and after its ttl the object.
func (r *SagaReconciler) retire(ctx context.Context, v *visit) (ctrl.Result, error) {
	r.keys.release(keyOf(v.saga), v.saga.UID)
	if v.finalized() {
		settled, err := r.announced(v)
		if err != nil || !settled {
			return ctrl.Result{}, err // the acknowledgement wakes the saga
		}
		if err := r.dropFinalizer(ctx, v.saga); err != nil {
			return ctrl.Result{}, err
		}
	}
	r.Outbox.Offer(sagaOf(v.saga), nil)
	return r.expire(ctx, v)
}

// announced says whether the broker has the saga's end, and sees to it that it gets it. A saga that never started announces nothing.
func (r *SagaReconciler) announced(v *visit) (bool, error) {
	a, ok := engine.Announce(v.saga.Status.SagaState)
	if !ok {
		return true, nil
	}
	if _, ok := r.Outbox.Acknowledged(v.id.UID, outbound.AnnouncementID(v.id, a)); ok {
		return true, nil
	}
	item, err := r.announcement(v, a)
	if err != nil {
		return false, err
	}
	r.Outbox.Offer(sagaOf(v.saga), []dispatch.Item{item})
	return false, nil
}

func (r *SagaReconciler) dropFinalizer(ctx context.Context, saga *v1alpha1.Saga) error {
	patch := client.MergeFromWithOptions(saga.DeepCopy(), client.MergeFromWithOptimisticLock{})
	if !controllerutil.RemoveFinalizer(saga, v1alpha1.FinalizerSaga) {
		return nil
	}
	if err := client.IgnoreNotFound(r.Client.Patch(ctx, saga, patch)); err != nil {
		return fmt.Errorf("removing the finalizer: %w", err)
	}
	return nil
}

// release lets a saga go that is being deleted and will not be undone: nothing was sent, or deletionPolicy is Orphan.
func (r *SagaReconciler) release(ctx context.Context, v *visit) error {
	reason := wire.ReasonNotAsked
	if v.started() {
		reason = wire.ReasonUnknownSaga
	}
	if err := r.refuseAll(ctx, v, reason); err != nil {
		return err
	}
	done, held := standing(v.saga), v.finalized()
	if err := r.dropFinalizer(ctx, v.saga); err != nil {
		return err
	}
	r.Outbox.Offer(sagaOf(v.saga), nil)
	r.keys.release(keyOf(v.saga), v.saga.UID)
	if v.started() && held {
		r.Recorder.Eventf(v.saga, nil, corev1.EventTypeWarning, "Orphaned", "Release", "Released by deletionPolicy Orphan; what stays done, or may be: %s", done)
	}
	return nil
}

// standing names the steps whose effect stands, or may.
func standing(saga *v1alpha1.Saga) string {
	var names []string
	for _, st := range saga.Status.Steps {
		switch st.State {
		case v1alpha1.StepNotStarted, v1alpha1.StepFailed, v1alpha1.StepCompensated:
		case v1alpha1.StepRunning, v1alpha1.StepSucceeded, v1alpha1.StepUnknown, v1alpha1.StepSkipped,
			v1alpha1.StepCompensating, v1alpha1.StepNotCompensated, v1alpha1.StepNeedsIntervention:
			names = append(names, st.Name)
		}
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// expire deletes a settled saga after its ttl. What a Git tool or an owner manages stays: it would come back.
func (r *SagaReconciler) expire(ctx context.Context, v *visit) (ctrl.Result, error) {
	if v.deleting() || managed(v.saga) {
		return ctrl.Result{}, nil
	}
	left := v.endTime().Add(ttlOf(v.saga)).Sub(v.now)
	if left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	err := r.Client.Delete(ctx, v.saga, client.Preconditions{UID: ptr.To(v.saga.UID), ResourceVersion: ptr.To(v.saga.ResourceVersion)})
	if err := client.IgnoreNotFound(err); err != nil {
		return ctrl.Result{}, fmt.Errorf("deleting the saga after its ttl: %w", err)
	}
	return ctrl.Result{}, nil
}

// endTime is when the saga ended; where it never started, when it was rejected.
func (v *visit) endTime() time.Time {
	if v.saga.Status.EndTime != nil {
		return v.saga.Status.EndTime.Time
	}
	for _, c := range v.saga.Status.Conditions {
		if c.Type == v1alpha1.ConditionFinished {
			return c.LastTransitionTime.Time
		}
	}
	return v.now
}

func ttlOf(saga *v1alpha1.Saga) time.Duration {
	completed, otherwise := time.Hour, 168*time.Hour
	if ttl := saga.Spec.TTL; ttl != nil {
		if ttl.Completed != nil {
			completed = ttl.Completed.Duration
		}
		if ttl.Otherwise != nil {
			otherwise = ttl.Otherwise.Duration
		}
	}
	if saga.Status.Phase == v1alpha1.PhaseCompleted {
		return completed
	}
	return otherwise
}

// gitLabels and gitAnnotations are what Argo CD and Flux leave on what they manage.
var (
	gitLabels      = []string{"argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"}
	gitAnnotations = []string{"argocd.argoproj.io/tracking-id"}
)

func managed(saga *v1alpha1.Saga) bool {
	if len(saga.OwnerReferences) > 0 {
		return true
	}
	for _, l := range gitLabels {
		if saga.Labels[l] != "" {
			return true
		}
	}
	for _, a := range gitAnnotations {
		if saga.Annotations[a] != "" {
			return true
		}
	}
	return false
}

// SagaCacheTransform keeps of a settled saga what its last duties need: name, uid, generation, phase, end, revision and ttl,
// and what says who manages it.
func SagaCacheTransform(o any) (any, error) {
	saga, ok := o.(*v1alpha1.Saga)
	if !ok {
		return o, nil
	}
	if !final(saga.Status.Phase) || hasFinalizer(saga) {
		return saga, nil
	}
	kept := &v1alpha1.Saga{TypeMeta: saga.TypeMeta, ObjectMeta: saga.ObjectMeta}
	kept.ManagedFields = nil
	kept.Spec.TTL = saga.Spec.TTL
	kept.Status.Phase, kept.Status.EndTime, kept.Status.StartTime = saga.Status.Phase, saga.Status.EndTime, saga.Status.StartTime
	kept.Status.ObservedGeneration, kept.Status.Revision = saga.Status.ObservedGeneration, saga.Status.Revision
	for _, c := range saga.Status.Conditions {
		if c.Type == v1alpha1.ConditionFinished {
			kept.Status.Conditions = append(kept.Status.Conditions, c)
		}
	}
	return kept, nil
}
