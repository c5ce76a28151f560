package controllers

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/order"
)

// SetupWithManager registers the reconciler. It wakes for a new order and for a saga's change of phase, its halt or deletion; what
// happens within a phase never reaches it.
//
// Sagas are mapped by their name, not by their owner: the cache keeps no owner of a saga that has ended, and the
// deletion of a foreign saga frees the name for the order that waits for it.
func (r *OrderWorkflowReconciler) SetupWithManager(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		For(&v1alpha1.OrderWorkflow{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Saga{}, handler.EnqueueRequestsFromMapFunc(orderOfSaga), builder.WithPredicates(phaseChanged())).
		Complete(r)
}

// orderOfSaga names the order that a saga belongs to, if it belongs to one.
func orderOfSaga(_ context.Context, saga client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: saga.GetNamespace(), Name: saga.GetName()}}}
}

// phaseChanged passes on what can change an order: another phase of its saga, a saga that halts or goes on, and the saga's end. A saga that appears is
// of no interest: either its order made it just now, or the order is read at the start of the process anyway.
func phaseChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, isSaga := e.ObjectOld.(*v1alpha1.Saga)
			after, stillSaga := e.ObjectNew.(*v1alpha1.Saga)
			return isSaga && stillSaga && (before.UID != after.UID || before.Status.Phase != after.Status.Phase ||
				order.Halted(before) != order.Halted(after))
		},
	}
}
