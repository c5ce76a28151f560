package controllers

import (
	"context"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/revision"
)

// unusedFor is how long a revision outlives its last saga, once the definition has a newer one.
const unusedFor = time.Hour

// expire deletes a revision that its definition has replaced, that no saga has needed for an hour, and that no trigger starts
// sagas of. Since when is noted on the revision: the sagas themselves may be gone long before.
func (r *RevisionReconciler) expire(ctx context.Context, rev *appsv1.ControllerRevision) (ctrl.Result, error) {
	replaced, err := r.replaced(ctx, rev)
	if err != nil {
		return ctrl.Result{}, err
	}
	used, lastEnd, err := r.usedBy(ctx, rev)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case !replaced || used:
		return ctrl.Result{}, r.mark(ctx, rev, "")
	}
	now := r.Clock.Now().UTC()
	since, err := time.Parse(time.RFC3339, rev.Annotations[v1alpha1.AnnotationUnusedSince])
	if err != nil { // not noted yet, or not by us
		return ctrl.Result{RequeueAfter: unusedFor}, r.mark(ctx, rev, now.Format(time.RFC3339))
	}
	if lastEnd.After(since) {
		since = lastEnd
	}
	if left := since.Add(unusedFor).Sub(now); left > 0 {
		return ctrl.Result{RequeueAfter: left}, nil
	}
	return r.delete(ctx, rev)
}

// replaced says whether the definition has another revision by now.
func (r *RevisionReconciler) replaced(ctx context.Context, rev *appsv1.ControllerRevision) (bool, error) {
	def := &v1alpha1.SagaDefinition{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: rev.Namespace, Name: revision.Of(rev)}, def)
	if err != nil {
		return false, client.IgnoreNotFound(err) // then it goes with its definition
	}
	judged := def.DeletionTimestamp.IsZero() && def.Status.ObservedGeneration == def.Generation && def.Status.Revision != ""
	return judged && def.Status.Revision != rev.Name, nil
}

// usedBy says whether a trigger or an unfinished saga needs the revision and, where none does, when the last saga that the cache
// knows has ended.
func (r *RevisionReconciler) usedBy(ctx context.Context, rev *appsv1.ControllerRevision) (used bool, lastEnd time.Time, err error) {
	if starts, err := startedFrom(ctx, r.Client, rev); err != nil || starts {
		return starts, lastEnd, err
	}
	var list v1alpha1.SagaList
	err = r.Client.List(ctx, &list, client.InNamespace(rev.Namespace), client.MatchingFields{indexRevision: rev.Name},
		&client.ListOptions{UnsafeDisableDeepCopy: ptr.To(true)})
	if err != nil {
		return false, lastEnd, fmt.Errorf("listing the sagas of the revision: %w", err)
	}
	for i := range list.Items {
		saga := &list.Items[i]
		if revisionOfSaga(saga) != rev.Name {
			continue
		}
		if !final(saga.Status.Phase) {
			return true, lastEnd, nil
		}
		if end := saga.Status.EndTime; end != nil && end.After(lastEnd) {
			lastEnd = end.Time
		}
	}
	return false, lastEnd, nil
}

// delete deletes the revision if the API server knows of no trigger and no unfinished saga that needs it either. Its finalizer
// holds it should a saga start from an old cache meanwhile.
func (r *RevisionReconciler) delete(ctx context.Context, rev *appsv1.ControllerRevision) (ctrl.Result, error) {
	user, err := searchUser(ctx, r.Live, sagasPerPage, rev.Namespace, func(_ context.Context, saga *v1alpha1.Saga) (bool, error) {
		return !final(saga.Status.Phase) && revisionOfSaga(saga) == rev.Name, nil
	})
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("looking for sagas that need it: %w", err)
	}
	starts, err := startedFrom(ctx, r.Live, rev)
	if err != nil {
		return ctrl.Result{}, err
	}
	if user != "" || starts {
		return ctrl.Result{RequeueAfter: lookForUsersEvery}, nil
	}
	err = r.Client.Delete(ctx, rev, client.Preconditions{UID: ptr.To(rev.UID), ResourceVersion: ptr.To(rev.ResourceVersion)})
	if client.IgnoreNotFound(err) != nil {
		return ctrl.Result{}, fmt.Errorf("deleting the revision: %w", err)
	}
	ctrl.LoggerFrom(ctx).Info("Deleted a revision that nothing has used for an hour")
	return ctrl.Result{}, nil
}

// mark notes on the revision since when it is not used; empty: it is.
func (r *RevisionReconciler) mark(ctx context.Context, rev *appsv1.ControllerRevision, since string) error {
	if rev.Annotations[v1alpha1.AnnotationUnusedSince] == since {
		return nil
	}
	marked := rev.DeepCopy()
	delete(marked.Annotations, v1alpha1.AnnotationUnusedSince)
	if since != "" {
		if marked.Annotations == nil {
			marked.Annotations = map[string]string{}
		}
		marked.Annotations[v1alpha1.AnnotationUnusedSince] = since
	}
	if err := r.Client.Update(ctx, marked); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("noting since when the revision is not used: %w", err)
	}
	return nil
}

// indexRevision is the cache's index of sagas, also of those that have ended, by the revision that they need.
const indexRevision = "sagas.dev/revision"

// revisionOfSaga is the revision that a saga is pinned to or, before its start, wants to be; empty: none.
func revisionOfSaga(saga *v1alpha1.Saga) string {
	if saga.Status.Revision == "" && saga.Spec.DefinitionRef != nil && !final(saga.Status.Phase) {
		return saga.Spec.DefinitionRef.Revision
	}
	return saga.Status.Revision
}

func indexByRevision(o client.Object) []string {
	saga, ok := o.(*v1alpha1.Saga)
	if !ok || revisionOfSaga(saga) == "" {
		return nil
	}
	return []string{revisionOfSaga(saga)}
}

// revisionsUsed has a revision looked at when a saga that needs it has come, ended or gone; soon, not at once, so that a storm of
// sagas costs little.
func revisionsUsed() handler.EventHandler {
	look := func(saga client.Object, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		if saga, ok := saga.(*v1alpha1.Saga); ok && revisionOfSaga(saga) != "" {
			name := types.NamespacedName{Namespace: saga.Namespace, Name: revisionOfSaga(saga)}
			queue.AddAfter(reconcile.Request{NamespacedName: name}, recountEvery)
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			look(e.Object, queue)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			before, after, ok := sagasOf(e)
			if ok && (revisionOfSaga(before) != revisionOfSaga(after) || final(before.Status.Phase) != final(after.Status.Phase)) {
				look(before, queue)
				look(after, queue)
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			look(e.Object, queue)
		},
	}
}

// revisionsOf names the revisions of a definition.
func (r *RevisionReconciler) revisionsOf(ctx context.Context, definition client.Object) []reconcile.Request {
	var list appsv1.ControllerRevisionList
	labels := client.MatchingLabels{v1alpha1.LabelDefinition: revision.Label(definition.GetName())}
	if err := r.Client.List(ctx, &list, client.InNamespace(definition.GetNamespace()), labels); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing revisions", "definition", definition.GetName())
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	return requests
}
