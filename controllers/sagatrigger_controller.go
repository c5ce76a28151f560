package controllers

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/trigger"
)

// Triggers read the topics of triggers.
type Triggers interface {
	// Ensure has the trigger read as its spec says, and look again at what it waits for.
	Ensure(found *v1alpha1.SagaTrigger, plan *trigger.Plan)
	// Stop has a trigger read no more.
	Stop(name types.NamespacedName)
	// Forget stops a trigger that is gone.
	Forget(name types.NamespacedName)
	// State says how the trigger's reading stands; false: it is not read.
	State(name types.NamespacedName) (trigger.State, bool)
	// Subscribe registers who is told of triggers whose state has changed.
	Subscribe(tell func(name types.NamespacedName))
}

// +kubebuilder:rbac:groups=sagas.dev,resources=sagatriggers,verbs=get;list;watch
// +kubebuilder:rbac:groups=sagas.dev,resources=sagatriggers/status,verbs=get;update
// +kubebuilder:rbac:groups=sagas.dev,resources=sagas;orderworkflows,verbs=get;list;watch;create
// +kubebuilder:rbac:groups=sagas.dev,resources=sagadefinitions,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch

// SagaTriggerReconciler judges triggers, has those that are accepted read their topics, and shows what becomes of it. It makes
// no saga itself, and never talks to the broker.
type SagaTriggerReconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Expressions compiles triggers.
	Expressions *expr.Compiler
	// Permitted says which topics a trigger may read.
	Permitted topicpolicy.Policy
	// Orders says whether the installation runs OrderWorkflows.
	Orders bool
	// Triggers read.
	Triggers Triggers
	// Clock dates the transitions of conditions.
	Clock clock.PassiveClock
}

// Reconcile looks at one trigger. It costs a write per change of a condition, and one for new numbers, which come every ten
// seconds at most; a trigger whose topic is quiet costs nothing.
func (r *SagaTriggerReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	found := &v1alpha1.SagaTrigger{}
	if err := r.Client.Get(ctx, request.NamespacedName, found); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.Triggers.Forget(request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !found.DeletionTimestamp.IsZero() {
		r.Triggers.Stop(request.NamespacedName)
		return ctrl.Result{}, nil
	}
	accepted, plan := r.accept(found)
	if plan == nil {
		r.Triggers.Stop(request.NamespacedName)
		return ctrl.Result{}, r.store(ctx, found, accepted, trigger.State{Ready: accepted, Numbers: numbersOf(found.Status)})
	}
	r.Triggers.Ensure(found, plan)
	state, _ := r.Triggers.State(request.NamespacedName)
	return ctrl.Result{}, r.store(ctx, found, accepted, state)
}

// accept returns condition Accepted, and the compiled trigger where it can be used.
func (r *SagaTriggerReconciler) accept(found *v1alpha1.SagaTrigger) (metav1.Condition, *trigger.Plan) {
	refused := func(reason, message string) (metav1.Condition, *trigger.Plan) {
		return metav1.Condition{Status: metav1.ConditionFalse, Reason: reason, Message: conditionMessage(message)}, nil
	}
	if why := refusedReading(r.Permitted, found); why != "" {
		return refused(v1alpha1.ReasonTopicNotPermitted, why)
	}
	if found.Spec.Order != nil && !r.Orders {
		return refused(v1alpha1.ReasonOrdersDisabled, "This installation runs no OrderWorkflows (--order-workflows): start sagas with definitionRef")
	}
	plan, err := trigger.Compile(r.Expressions, found)
	switch {
	case errors.Is(err, trigger.ErrInvalidMapping):
		return refused(v1alpha1.ReasonInvalidParameters, err.Error())
	case err != nil:
		return refused(v1alpha1.ReasonInvalidExpression, err.Error())
	}
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted, Message: "Its events can be read and mapped"}, plan
}

func numbersOf(status v1alpha1.SagaTriggerStatus) trigger.Numbers {
	n := trigger.Numbers{Lag: status.Lag, Started: status.Started, Refused: status.Refused, Active: status.Active}
	if status.LastStartTime != nil {
		n.LastStart = status.LastStartTime.Time
	}
	return n
}

// store writes the status if it says something new. The write is a compare-and-swap.
func (r *SagaTriggerReconciler) store(ctx context.Context, found *v1alpha1.SagaTrigger, accepted metav1.Condition, state trigger.State) error {
	changed := found.DeepCopy()
	status, n := &changed.Status, state.Numbers
	status.ObservedGeneration = found.Generation
	status.Lag, status.Started, status.Refused, status.Active = n.Lag, n.Started, n.Refused, n.Active
	if status.LastStartTime = nil; !n.LastStart.IsZero() {
		at := metav1.NewTime(n.LastStart)
		status.LastStartTime = &at
	}
	accepted.Type, state.Ready.Type = v1alpha1.ConditionAccepted, v1alpha1.ConditionReady
	for _, condition := range []metav1.Condition{accepted, state.Ready, stalledAs(accepted, accepted.Status == metav1.ConditionFalse)} {
		condition.ObservedGeneration, condition.LastTransitionTime = found.Generation, metav1.NewTime(r.Clock.Now().UTC())
		condition.Message = conditionMessage(condition.Message)
		setCondition(&status.Conditions, condition)
	}
	if equality.Semantic.DeepEqual(found.Status, changed.Status) {
		return nil
	}
	if err := r.Client.Status().Update(ctx, changed); err != nil {
		return fmt.Errorf("storing status: %w", client.IgnoreNotFound(err))
	}
	if was := meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady); was == nil || was.Reason != state.Ready.Reason {
		ctrl.LoggerFrom(ctx).Info("Judged trigger", "reason", state.Ready.Reason)
	}
	return nil
}

// SetupWithManager registers the reconciler. It wakes for triggers, for what becomes of their reading, and for definitions and
// revisions that they start.
func (r *SagaTriggerReconciler) SetupWithManager(manager ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(manager).
		For(&v1alpha1.SagaTrigger{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.SagaDefinition{}, handler.EnqueueRequestsFromMapFunc(r.startersOf), builder.WithPredicates(predicate.ResourceVersionChangedPredicate{})).
		Watches(&appsv1.ControllerRevision{}, handler.EnqueueRequestsFromMapFunc(r.startersWith), builder.WithPredicates(cameOrWent())).
		WatchesRawSource(source.Func(r.listen)).
		Complete(r)
}

// startersOf names the triggers that start sagas of a definition.
func (r *SagaTriggerReconciler) startersOf(ctx context.Context, definition client.Object) []reconcile.Request {
	var triggers v1alpha1.SagaTriggerList
	if err := r.Client.List(ctx, &triggers, client.InNamespace(definition.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing triggers", "definition", definition.GetName())
		return nil
	}
	var requests []reconcile.Request
	for i := range triggers.Items {
		if ref := triggers.Items[i].Spec.DefinitionRef; ref != nil && ref.Name == definition.GetName() {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&triggers.Items[i])})
		}
	}
	return requests
}

// startersWith names the triggers that start sagas of a revision: one may wait for it.
func (r *SagaTriggerReconciler) startersWith(ctx context.Context, rev client.Object) []reconcile.Request {
	starters, err := startersWith(ctx, r.Client, rev)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Looking for who starts sagas of a revision", "revision", rev.GetName())
	}
	return starters
}

// listen puts triggers into the queue whose reading looks different now.
func (r *SagaTriggerReconciler) listen(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	r.Triggers.Subscribe(func(name types.NamespacedName) { queue.Add(reconcile.Request{NamespacedName: name}) })
	return nil
}
