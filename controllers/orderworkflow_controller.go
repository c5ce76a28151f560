package controllers

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/order"
)

// +kubebuilder:rbac:groups=sagas.dev,resources=orderworkflows,verbs=get;list;watch
// +kubebuilder:rbac:groups=sagas.dev,resources=orderworkflows/status,verbs=get;update
// +kubebuilder:rbac:groups=sagas.dev,resources=orderworkflows/finalizers,verbs=update
// +kubebuilder:rbac:groups=sagas.dev,resources=sagas,verbs=get;list;watch;create

// OrderWorkflowReconciler makes one Saga for each order and shows in the order's status what became of it. It sends
// nothing and undoes nothing: the saga does, and deleting the order deletes the saga through garbage collection.
type OrderWorkflowReconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads from the API server: before a saga is made, before one is called lost, and where the cache keeps only
	// a stub of one that has ended.
	Live client.Reader
	// Clock dates the transitions of conditions.
	Clock clock.PassiveClock
}

// Reconcile makes the order's saga, or takes over what became of it. Each order costs a write when it starts, when it
// begins or ceases to need a person, and when it ends.
func (r *OrderWorkflowReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	found := &v1alpha1.OrderWorkflow{}
	if err := r.Client.Get(ctx, request.NamespacedName, found); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !found.DeletionTimestamp.IsZero() || order.Final(found.Status) {
		return ctrl.Result{}, nil
	}
	if found.Status.SagaUID == "" {
		return ctrl.Result{}, r.start(ctx, request)
	}
	return ctrl.Result{}, r.follow(ctx, found)
}

// start makes the saga of an order that has none as far as the cache knows. The order is read again first: with an old
// cache, an order whose saga is lost would look like one that never had any, and get a second.
func (r *OrderWorkflowReconciler) start(ctx context.Context, request ctrl.Request) error {
	found := &v1alpha1.OrderWorkflow{}
	if err := r.Live.Get(ctx, request.NamespacedName, found); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !found.DeletionTimestamp.IsZero() || order.Final(found.Status) {
		return nil
	}
	if found.Status.SagaUID != "" {
		return r.follow(ctx, found)
	}
	if err := order.Check(found.Spec); err != nil {
		return r.store(ctx, found, order.Invalid(found, err, r.Clock.Now().UTC()))
	}
	return r.create(ctx, found)
}

// create makes the saga and stores its uid. Where it was made already and a crash kept its uid from being stored, the
// saga is found by its name and known by its owner.
func (r *OrderWorkflowReconciler) create(ctx context.Context, found *v1alpha1.OrderWorkflow) error {
	saga, err := order.SagaOf(found)
	if err != nil {
		return reconcile.TerminalError(err)
	}
	err = r.Client.Create(ctx, saga)
	switch {
	case err == nil:
		ctrl.LoggerFrom(ctx).Info("Made saga", "sagaUID", saga.UID)
		return r.store(ctx, found, order.Summarize(found, saga, r.Clock.Now().UTC()))
	case apierrors.IsAlreadyExists(err):
		return r.takeOver(ctx, found)
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil // the order goes as well
	case apierrors.IsInvalid(err):
		message := "The API server refuses the saga of this order: " + err.Error()
		return r.store(ctx, found, order.Stuck(found, v1alpha1.ReasonSagaUnavailable, message, r.Clock.Now().UTC()))
	}
	return fmt.Errorf("creating saga %q: %w", saga.Name, err)
}

// takeOver follows the saga that has the order's name, if the order is its controller.
func (r *OrderWorkflowReconciler) takeOver(ctx context.Context, found *v1alpha1.OrderWorkflow) error {
	saga := &v1alpha1.Saga{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(found), saga); err != nil {
		return fmt.Errorf("reading saga %q, which exists: %w", found.Name, err) // gone meanwhile: made on the next try
	}
	if metav1.IsControlledBy(saga, found) {
		return r.store(ctx, found, order.Summarize(found, saga, r.Clock.Now().UTC()))
	}
	message := fmt.Sprintf("A saga named %q exists and is not this order's: delete it, or make the order under another name", found.Name)
	return r.store(ctx, found, order.Stuck(found, v1alpha1.ReasonSagaNameTaken, message, r.Clock.Now().UTC()))
}

// follow takes over what became of the saga whose uid is stored.
func (r *OrderWorkflowReconciler) follow(ctx context.Context, found *v1alpha1.OrderWorkflow) error {
	saga, err := r.sagaOf(ctx, found)
	switch {
	case err != nil:
		return fmt.Errorf("reading saga %q: %w", found.Name, err)
	case saga == nil:
		message := fmt.Sprintf("The saga with uid %s is gone, and what it did is not known here; no second one is made", found.Status.SagaUID)
		return r.store(ctx, found, order.Stuck(found, v1alpha1.ReasonSagaLost, message, r.Clock.Now().UTC()))
	}
	return r.store(ctx, found, order.Summarize(found, saga, r.Clock.Now().UTC()))
}

// sagaOf returns the saga whose uid is stored, or nil where it is gone. What the cache has is enough unless it has
// nothing, another saga, or a stub of one that has ended: then the API server is asked.
func (r *OrderWorkflowReconciler) sagaOf(ctx context.Context, found *v1alpha1.OrderWorkflow) (*v1alpha1.Saga, error) {
	saga := &v1alpha1.Saga{}
	err := r.Client.Get(ctx, client.ObjectKeyFromObject(found), saga)
	if err == nil && string(saga.UID) == found.Status.SagaUID && !isStub(saga) {
		return saga, nil
	}
	saga = &v1alpha1.Saga{}
	if err := r.Live.Get(ctx, client.ObjectKeyFromObject(found), saga); client.IgnoreNotFound(err) != nil {
		return nil, err
	}
	if string(saga.UID) != found.Status.SagaUID {
		return nil, nil
	}
	return saga, nil
}

// isStub says whether the cache keeps of a saga only what its last duties need: a whole one has all conditions.
func isStub(saga *v1alpha1.Saga) bool {
	return meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionAccepted) == nil
}

// store writes the status if it says something new. The write is a compare-and-swap: what was decided from an old
// order fails, and is decided again.
func (r *OrderWorkflowReconciler) store(ctx context.Context, found *v1alpha1.OrderWorkflow, next v1alpha1.OrderWorkflowStatus) error {
	if !order.Changed(found.Status, next) {
		return nil
	}
	changed := found.DeepCopy()
	changed.Status = next
	if err := r.Client.Status().Update(ctx, changed); apierrors.IsNotFound(err) {
		return nil // the order is gone, and its saga goes with it
	} else if err != nil {
		return fmt.Errorf("storing status: %w", err)
	}
	ctrl.LoggerFrom(ctx).Info("Order changed", "phase", next.Phase)
	return nil
}
