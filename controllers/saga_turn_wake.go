package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// turnsPass wakes the sagas whose turn may have come because another one started, ended, left the queue or went; and of a saga
// that has begun to wait, itself, since its place may have become free meanwhile, and the one that has its key, which
// it may want to abort; and of one that has started with a key, itself, for the same reason. The cache knows by then what the event says.
func (r *SagaReconciler) turnsPass() handler.EventHandler {
	return handler.Funcs{
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			before, after, ok := sagasOf(e)
			if !ok || placeOf(before) == placeOf(after) {
				return
			}
			if was := placeOf(before); was.as != "" {
				addAll(queue, after.Namespace, r.nextInLine(ctx, after.Namespace, was))
			}
			switch now := placeOf(after); {
			case now.as == queued:
				addAll(queue, after.Namespace, append(r.holders(ctx, after), after.Name))
			case now.as == running && now.key != "": // one that began to wait before this start was seen may want to abort it
				addAll(queue, after.Namespace, []string{after.Name})
			}
		},
		DeleteFunc: func(ctx context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			saga, ok := e.Object.(*v1alpha1.Saga)
			if !ok || final(saga.Status.Phase) {
				return
			}
			gone := place{group: groupOf(saga), key: saga.Status.ConcurrencyKey} // perhaps it was just about to start
			addAll(queue, saga.Namespace, r.nextInLine(ctx, saga.Namespace, gone))
		},
	}
}

func sagasOf(e event.UpdateEvent) (before, after *v1alpha1.Saga, ok bool) {
	before, beforeOK := e.ObjectOld.(*v1alpha1.Saga)
	after, afterOK := e.ObjectNew.(*v1alpha1.Saga)
	return before, after, beforeOK && afterOK
}

func addAll(queue workqueue.TypedRateLimitingInterface[reconcile.Request], namespace string, names []string) {
	for _, name := range names {
		queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}})
	}
}

// nextInLine names the sagas whose turn may have come now that one has left its place: the oldest with its key, and the oldest
// of the definition whose key nobody has. The latter's start passes the turn on, in case there is room for more.
func (r *SagaReconciler) nextInLine(ctx context.Context, namespace string, left place) []string {
	waiting, err := r.at(ctx, namespace, place{as: queued, group: left.group})
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "looking for the saga whose turn it is", "namespace", namespace)
		return nil
	}
	var next []string
	passed := map[string]bool{} // keys of which an older one waits
	found := false
	for _, saga := range waiting {
		key := saga.Status.ConcurrencyKey
		switch {
		case key != "" && passed[key]:
			continue
		case key != "" && key == left.key:
			next = append(next, saga.Name)
		case !found:
			if found = key == "" || len(r.holders(ctx, saga)) == 0; found {
				next = append(next, saga.Name)
			}
		}
		passed[key] = true
		if found && (left.key == "" || passed[left.key]) {
			break
		}
	}
	return next
}

// holders names the running sagas that have the key of one that waits.
func (r *SagaReconciler) holders(ctx context.Context, saga *v1alpha1.Saga) []string {
	if saga.Status.ConcurrencyKey == "" {
		return nil
	}
	sagas, err := r.at(ctx, saga.Namespace, place{as: running, group: groupOf(saga), key: saga.Status.ConcurrencyKey})
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "looking for the saga with the same key", "saga", client.ObjectKeyFromObject(saga))
		return nil
	}
	names := make([]string, len(sagas))
	for i := range sagas {
		names[i] = sagas[i].Name
	}
	return names
}
