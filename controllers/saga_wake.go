package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
)

// wakes adds sagas to the controller's queue from outside the API server.
type wakes struct {
	mu    sync.Mutex
	queue workqueue.TypedRateLimitingInterface[reconcile.Request]
	early []reconcile.Request // woken before the controller started

	deaf     map[reconcile.Request]bool // due while replies could not be read
	readable int                        // how often replies have become readable
}

func (w *wakes) source() source.Source {
	return source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.queue = queue
		for _, request := range w.early {
			queue.Add(request)
		}
		w.early = nil
		return nil
	})
}

func (w *wakes) add(namespace, name string, after time.Duration) {
	request := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.queue == nil:
		w.early = append(w.early, request)
	case after > 0:
		w.queue.AddAfter(request, after)
	default:
		w.queue.Add(request)
	}
}

// timesReadable counts how often replies have become readable.
func (w *wakes) timesReadable() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.readable
}

// whenReadable wakes the saga when replies can be read again; at once where that has happened since they were seen
// to be readable for the seen-th time, before the visit that asks for it began.
func (w *wakes) whenReadable(saga *v1alpha1.Saga, seen int) {
	request := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(saga)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.readable != seen && w.queue != nil {
		w.queue.Add(request)
		return
	}
	if w.deaf == nil {
		w.deaf = map[reconcile.Request]bool{}
	}
	w.deaf[request] = true
}

// forget drops what is remembered of a saga that is gone.
func (w *wakes) forget(request reconcile.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.deaf, request)
}

// Wake looks at a saga soon: a reply has come.
func (r *SagaReconciler) Wake(namespace, name string) { r.wakes.add(namespace, name, 0) }

// Acknowledged looks at a saga again: at once where an event was published, else when its attempt's time is up.
func (r *SagaReconciler) Acknowledged(saga dispatch.Saga, item dispatch.Item) {
	r.wakes.add(saga.Namespace, saga.Name, item.Timeout)
}

// Readable tells that replies can be read again: the sagas whose time came meanwhile are looked at.
func (r *SagaReconciler) Readable() {
	r.wakes.mu.Lock()
	defer r.wakes.mu.Unlock()
	for request := range r.wakes.deaf {
		if r.wakes.queue != nil {
			r.wakes.queue.Add(request)
		}
	}
	r.wakes.deaf = nil
	r.wakes.readable++
}

// ownWritesIgnored lets through what others did to a saga: its spec, its deletion, its finalizers. What the reconciler itself
// has stored it knows already.
func ownWritesIgnored() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld, e.ObjectNew
			return before.GetUID() != after.GetUID() || before.GetGeneration() != after.GetGeneration() ||
				before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero() ||
				hasFinalizer(before) != hasFinalizer(after)
		},
	}
}

func hasFinalizer(o client.Object) bool {
	for _, f := range o.GetFinalizers() {
		if f == v1alpha1.FinalizerSaga {
			return true
		}
	}
	return false
}

// Fields of the cache's indexes.
const (
	indexKey     = "sagas.dev/idempotency-key" // of unfinished sagas
	indexWaiting = "sagas.dev/waiting"         // sagas that something else may let start or go on
)

func (r *SagaReconciler) index(ctx context.Context, indexer client.FieldIndexer) error {
	err := indexer.IndexField(ctx, &v1alpha1.Saga{}, indexKey, func(o client.Object) []string {
		saga, ok := o.(*v1alpha1.Saga)
		if !ok || final(saga.Status.Phase) {
			return nil
		}
		return []string{keyOf(saga)}
	})
	if err != nil {
		return err
	}
	if err := indexer.IndexField(ctx, &v1alpha1.Saga{}, indexPlace, indexByPlace); err != nil {
		return err
	}
	if err := indexer.IndexField(ctx, &v1alpha1.Saga{}, indexRevision, indexByRevision); err != nil {
		return err
	}
	return indexer.IndexField(ctx, &v1alpha1.Saga{}, indexWaiting, func(o client.Object) []string {
		saga, ok := o.(*v1alpha1.Saga)
		if !ok || final(saga.Status.Phase) || !waitsForOthers(saga) {
			return nil
		}
		return []string{"true"}
	})
}

func waitsForOthers(saga *v1alpha1.Saga) bool {
	if saga.Status.StartTime == nil {
		return true
	}
	for _, c := range saga.Status.Conditions {
		if c.Type == v1alpha1.ConditionAccepted {
			return c.Reason != v1alpha1.ReasonAccepted
		}
	}
	return true
}

// waitingIn returns the sagas of o's namespace that wait for something like o.
func (r *SagaReconciler) waitingIn(ctx context.Context, o client.Object) []reconcile.Request {
	var sagas v1alpha1.SagaList
	if err := r.Client.List(ctx, &sagas, client.InNamespace(o.GetNamespace()), client.MatchingFields{indexWaiting: "true"}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the sagas that wait", "namespace", o.GetNamespace())
		return nil
	}
	requests := make([]reconcile.Request, len(sagas.Items))
	for i := range sagas.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&sagas.Items[i])
	}
	return requests
}

// waitingFor returns the sagas of a definition that wait.
func (r *SagaReconciler) waitingFor(ctx context.Context, definition client.Object) []reconcile.Request {
	var sagas v1alpha1.SagaList
	if err := r.Client.List(ctx, &sagas, client.InNamespace(definition.GetNamespace()), client.MatchingFields{indexWaiting: "true"}); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "listing the sagas that wait", "definition", definition.GetName())
		return nil
	}
	var requests []reconcile.Request
	for i := range sagas.Items {
		if ref := sagas.Items[i].Spec.DefinitionRef; ref != nil && ref.Name == definition.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&sagas.Items[i])})
		}
	}
	return requests
}

// judgedAnew passes on what lets sagas of a definition start, or no more: not that its sagas were counted again.
func judgedAnew() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, beforeOK := e.ObjectOld.(*v1alpha1.SagaDefinition)
			after, afterOK := e.ObjectNew.(*v1alpha1.SagaDefinition)
			if !beforeOK || !afterOK {
				return false
			}
			was, is := before.Status.DeepCopy(), after.Status.DeepCopy()
			was.Revisions, is.Revisions = nil, nil
			return before.UID != after.UID || before.Generation != after.Generation || !equality.Semantic.DeepEqual(was, is)
		},
	}
}

// cameOrWent passes on that a revision was made, is being deleted or is gone; nothing else about it ever matters to a saga.
func cameOrWent() predicate.Predicate {
	return predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetUID() != e.ObjectNew.GetUID() || e.ObjectOld.GetDeletionTimestamp().IsZero() != e.ObjectNew.GetDeletionTimestamp().IsZero()
		},
	}
}

// unsentIn returns the sagas of a participant's namespace that wait, and those with messages that the broker does not have
// yet: they may have to go to another topic.
func (r *SagaReconciler) unsentIn(ctx context.Context, participant client.Object) []reconcile.Request {
	requests := r.waitingIn(ctx, participant)
	for _, name := range r.Outbox.Unsent(participant.GetNamespace()) {
		requests = append(requests, reconcile.Request{NamespacedName: types.NamespacedName{Namespace: participant.GetNamespace(), Name: name}})
	}
	return requests
}

func final(phase v1alpha1.SagaPhase) bool {
	return phase == v1alpha1.PhaseCompleted || phase == v1alpha1.PhaseCompensated || phase == v1alpha1.PhaseRejected
}
