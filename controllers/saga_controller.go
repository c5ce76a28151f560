package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/outbound"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/replies"
	"github.com/sagas-dev/saga-operator/internal/telemetry"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
)

// Replies is where answers wait until they are settled.
type Replies interface {
	// Gather returns what was heard and then the replies to all sagas that have, or had, this name. They stay until settled.
	Gather(namespace, name string) (replies.Heard, []replies.Delivery)
	// Settle lets the offsets of deliveries be committed.
	Settle(deliveries ...replies.Delivery)
	// DeadLetter settles a delivery once the broker has it in the dead-letter topic, with the reason.
	DeadLetter(ctx context.Context, delivery replies.Delivery, reason string) error
}

// SagaReconciler runs sagas: it gathers what happened, lets the engine decide, stores, and only then sends.
type SagaReconciler struct {
	Client    client.Client
	APIReader client.Reader // reads past the cache
	Recorder  events.EventRecorder
	Now       func() time.Time
	Programs  *program.Cache
	Outbox    *dispatch.Outbox
	Replies   Replies
	Events    Events
	Permitted topicpolicy.Policy // of the topics that participants name
	EventKeys *EventKeys
	Encoder   outbound.Encoder
	Measured  *telemetry.Sagas // optional

	keys  claims
	turns turns
	wakes wakes
}

// +kubebuilder:rbac:groups=sagas.dev,resources=sagas,verbs=get;list;watch;patch;update;delete
// +kubebuilder:rbac:groups=sagas.dev,resources=sagas/status,verbs=update
// +kubebuilder:rbac:groups=sagas.dev,resources=sagas/finalizers,verbs=update
// +kubebuilder:rbac:groups=sagas.dev,resources=sagadefinitions;sagaparticipants,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create;patch

// Reconcile looks at one saga. It reads from the cache first; what an old copy cannot tell is judged again on a live read, such
// as a reply that looks early, or whose saga looks unknown.
func (r *SagaReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	saga := &v1alpha1.Saga{}
	err := r.Client.Get(ctx, req.NamespacedName, saga)
	if apierrors.IsNotFound(err) {
		return r.unknown(ctx, req)
	}
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("reading the saga: %w", err)
	}
	again, result, err := r.visit(ctx, saga, false)
	if again || apierrors.IsConflict(err) { // a conflict: this was an old copy
		live := &v1alpha1.Saga{}
		if err := r.APIReader.Get(ctx, req.NamespacedName, live); err != nil {
			return ctrl.Result{}, client.IgnoreNotFound(err)
		}
		_, result, err = r.visit(ctx, live, true)
	}
	if apierrors.IsConflict(err) { // somebody else writes, just now
		return ctrl.Result{RequeueAfter: 20 * time.Millisecond}, nil
	}
	return result, err
}

// visit decides on one copy of the saga. again asks for a live copy: something cannot be judged on this one.
func (r *SagaReconciler) visit(ctx context.Context, saga *v1alpha1.Saga, live bool) (again bool, _ ctrl.Result, _ error) {
	if newer(saga) {
		return r.leave(ctx, saga, live)
	}
	v, err := r.gather(ctx, saga, live)
	switch {
	case err != nil:
		return false, ctrl.Result{}, fmt.Errorf("gathering: %w", err)
	case v.needsLive(nil), v.stripped() && v.finalized(), v.stripped() && v.unseen():
		return true, ctrl.Result{}, nil
	case v.leaves():
		return false, ctrl.Result{}, r.release(ctx, v)
	case v.stripped(), v.phase() == v1alpha1.PhaseRejected:
		if err := r.see(ctx, v); err != nil {
			return false, ctrl.Result{}, err
		}
		result, err := r.retire(ctx, v)
		return outcome(result, err, r.refuseAll(ctx, v, wire.ReasonNotAsked))
	}
	return r.decide(ctx, v)
}

// decide is the one path from what happened to what is sent: decide, store, settle, send. Dead letters come last: a topic
// that does not take them keeps no saga from going on.
func (r *SagaReconciler) decide(ctx context.Context, v *visit) (again bool, _ ctrl.Result, _ error) {
	status, verdicts := v.next()
	if v.needsLive(verdicts) {
		return true, ctrl.Result{}, nil
	}
	before := v.saga.Status.SagaState
	err := r.store(ctx, v, status)
	if unacceptable(err) {
		verdicts, err = r.storeLean(ctx, v, err)
	}
	if errors.Is(err, errStatusRejected) && len(v.deliveries) > 0 {
		return outcome(ctrl.Result{RequeueAfter: r.wakeAfter(v)}, r.refuseAll(ctx, v, wire.ReasonStatusRejected))
	}
	if err != nil {
		return false, ctrl.Result{}, fmt.Errorf("storing: %w", err)
	}
	r.listenAnew(v)
	r.settle(v, verdicts)
	r.sendOnce(ctx, v, before)
	result, err := r.proceed(ctx, v)
	return outcome(result, err, r.bury(ctx, v, verdicts))
}

// proceed does what follows from the stored status.
func (r *SagaReconciler) proceed(ctx context.Context, v *visit) (ctrl.Result, error) {
	if final(v.phase()) {
		return r.retire(ctx, v)
	}
	if err := r.send(v); err != nil {
		return ctrl.Result{}, fmt.Errorf("sending: %w", err)
	}
	return ctrl.Result{RequeueAfter: r.wakeAfter(v)}, nil
}

// outcome of a visit that nothing is left to be asked about.
func outcome(result ctrl.Result, errs ...error) (again bool, _ ctrl.Result, _ error) {
	if err := errors.Join(errs...); err != nil {
		return false, ctrl.Result{}, err
	}
	return false, result, nil
}

// SetupWithManager registers the reconciler. Events of sagas, definitions, participants and revisions wake it; replies and
// acknowledgements do through Wake.
func (r *SagaReconciler) SetupWithManager(mgr ctrl.Manager, concurrency int) error {
	if err := r.index(context.Background(), mgr.GetFieldIndexer()); err != nil {
		return fmt.Errorf("indexing sagas: %w", err)
	}
	return ctrl.NewControllerManagedBy(mgr).
		Named("saga").
		For(&v1alpha1.Saga{}, builder.WithPredicates(ownWritesIgnored())).
		Watches(&v1alpha1.SagaDefinition{}, handler.EnqueueRequestsFromMapFunc(r.waitingFor), builder.WithPredicates(judgedAnew())).
		Watches(&v1alpha1.SagaParticipant{}, handler.EnqueueRequestsFromMapFunc(r.unsentIn), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&appsv1.ControllerRevision{}, handler.EnqueueRequestsFromMapFunc(r.waitingIn), builder.WithPredicates(cameOrWent())).
		Watches(&v1alpha1.Saga{}, r.turnsPass()).
		WatchesRawSource(r.wakes.source()).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: concurrency,
			RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](50*time.Millisecond, 30*time.Second),
		}).
		Complete(r)
}
