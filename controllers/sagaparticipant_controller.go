package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/topicwatch"
)

// Topics knows which topics the broker has.
type Topics interface {
	// Judge says what is known of a participant's topics.
	Judge(topics v1alpha1.ParticipantTopics) topicwatch.Verdict
	// Subscribe registers who is told of participants whose verdict has changed.
	Subscribe(tell func(participant types.NamespacedName))
}

// +kubebuilder:rbac:groups=sagas.dev,resources=sagaparticipants,verbs=get;list;watch;update
// +kubebuilder:rbac:groups=sagas.dev,resources=sagaparticipants/status,verbs=get;update
// +kubebuilder:rbac:groups=sagas.dev,resources=sagas;sagadefinitions,verbs=get;list;watch
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch

// SagaParticipantReconciler shows whether a participant can be sent to, and keeps one that is deleted until no unfinished
// saga needs it. It never talks to the broker itself.
type SagaParticipantReconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads from the API server, before a participant is let go.
	Live client.Reader
	// Permitted says which topics a participant may name.
	Permitted topicpolicy.Policy
	// EventKeys compiles what the participant says that its events are correlated by.
	EventKeys *EventKeys
	// Topics is asked about the participant's topics.
	Topics Topics
	// Clock dates the transitions of conditions.
	Clock clock.PassiveClock
}

// Reconcile looks at one participant. It costs a write for the finalizer and one per change of its topics' state.
func (r *SagaParticipantReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	found := &v1alpha1.SagaParticipant{}
	if err := r.Client.Get(ctx, request.NamespacedName, found); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	switch {
	case found.DeletionTimestamp.IsZero() && !controllerutil.ContainsFinalizer(found, v1alpha1.FinalizerInUse):
		return ctrl.Result{}, holdInUse(ctx, r.Client, found) // which wakes again
	case found.DeletionTimestamp.IsZero():
		return ctrl.Result{}, r.store(ctx, found, "")
	}
	users := sagaUsers{cached: r.Client, live: r.Live, now: func() time.Time { return r.Clock.Now() }}
	user, after, err := users.look(ctx, found, r.neededBy(found.Name))
	if err != nil {
		return ctrl.Result{}, err
	}
	if after > 0 {
		return ctrl.Result{RequeueAfter: after}, r.store(ctx, found, user)
	}
	return ctrl.Result{}, releaseInUse(ctx, r.Client, found)
}

// neededBy finds out whether a saga uses the participant. What a saga runs is read once for all that run it.
func (r *SagaParticipantReconciler) neededBy(participant string) neededBy {
	known := map[string]bool{}
	return func(ctx context.Context, saga *v1alpha1.Saga) (bool, error) {
		if saga.Spec.Definition != nil {
			return usesParticipant(*saga.Spec.Definition, participant), nil
		}
		ref := ""
		if saga.Spec.DefinitionRef != nil {
			ref = saga.Spec.DefinitionRef.Name
		}
		key := saga.Status.Revision + "/" + ref
		if uses, ok := known[key]; ok {
			return uses, nil
		}
		uses, err := r.definitionUses(ctx, saga.Namespace, saga.Status.Revision, ref, participant)
		if err == nil {
			known[key] = uses
		}
		return uses, err
	}
}

// definitionUses looks at the revision that a saga is pinned to or, before it is, at its definition. A saga that is
// pinned to a revision that is lost may need every participant; one without a definition yet needs none.
func (r *SagaParticipantReconciler) definitionUses(ctx context.Context, namespace, pinned, ref, participant string) (bool, error) {
	if pinned != "" {
		spec, err := pinnedSpec(ctx, r.Client, namespace, pinned)
		if err != nil || spec == nil {
			return true, err
		}
		return usesParticipant(*spec, participant), nil
	}
	var definition v1alpha1.SagaDefinition
	if err := r.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: ref}, &definition); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	return usesParticipant(definition.Spec, participant), nil
}

// store writes the status if it says something new. user is a saga that a deletion waits for.
func (r *SagaParticipantReconciler) store(ctx context.Context, found *v1alpha1.SagaParticipant, user string) error {
	changed := found.DeepCopy()
	changed.Status.ObservedGeneration = found.Generation
	for _, condition := range r.judge(found, user) {
		condition.ObservedGeneration, condition.LastTransitionTime = found.Generation, metav1.NewTime(r.Clock.Now().UTC())
		condition.Message = conditionMessage(condition.Message)
		setCondition(&changed.Status.Conditions, condition)
	}
	if equality.Semantic.DeepEqual(found.Status, changed.Status) {
		return nil
	}
	if err := r.Client.Status().Update(ctx, changed); err != nil {
		return fmt.Errorf("storing status: %w", client.IgnoreNotFound(err))
	}
	ready := meta.FindStatusCondition(changed.Status.Conditions, v1alpha1.ConditionReady)
	ctrl.LoggerFrom(ctx).Info("Judged participant", "reason", ready.Reason)
	return nil
}

// judge returns all conditions. Ready follows what is worst: topics that it may not name, an event key that does not compile,
// then what the broker says of its topics. Of a topic that it may not name, it is told nothing.
func (r *SagaParticipantReconciler) judge(found *v1alpha1.SagaParticipant, user string) []metav1.Condition {
	accepted := metav1.Condition{
		Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted, Message: "It may name its topics",
	}
	var topics metav1.Condition
	if refused := refusedTopic(r.Permitted, found); refused != "" {
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, v1alpha1.ReasonTopicNotPermitted, refused
		topics = accepted
	} else {
		verdict := r.Topics.Judge(found.Spec.Topics)
		topics = metav1.Condition{Status: topicsStatus(verdict.Reason), Reason: verdict.Reason, Message: verdict.Message}
	}
	topics.Type = v1alpha1.ConditionTopicsReady
	ready := topics
	if refused := r.EventKeys.refused(found); refused != "" && accepted.Status == metav1.ConditionTrue {
		accepted.Status, accepted.Reason, accepted.Message = metav1.ConditionFalse, v1alpha1.ReasonInvalidExpression, refused
		ready = accepted
	}
	ready.Type = v1alpha1.ConditionReady
	if user != "" {
		ready.Message = fmt.Sprintf("Its deletion waits for saga %q, and perhaps others. %s", user, ready.Message)
	}
	// A topic may appear, and a broker come back; another name, or the permission, only a person gives.
	stalled := stalledAs(accepted, accepted.Status == metav1.ConditionFalse)
	return []metav1.Condition{accepted, topics, ready, stalled}
}

func topicsStatus(reason string) metav1.ConditionStatus {
	switch reason {
	case v1alpha1.ReasonTopicsFound:
		return metav1.ConditionTrue
	case v1alpha1.ReasonPending:
		return metav1.ConditionUnknown
	}
	return metav1.ConditionFalse
}

// SetupWithManager registers the reconciler. It wakes for participants, for what is found out about their topics, and
// while one is being deleted also for sagas that end.
func (r *SagaParticipantReconciler) SetupWithManager(manager ctrl.Manager) error {
	deleted := deletedIn(r.Client, func() client.ObjectList { return &v1alpha1.SagaParticipantList{} })
	return ctrl.NewControllerManagedBy(manager).
		For(&v1alpha1.SagaParticipant{}, builder.WithPredicates(predicate.Or(predicate.GenerationChangedPredicate{}, finalizersChanged()))).
		Watches(&v1alpha1.Saga{}, handler.EnqueueRequestsFromMapFunc(deleted), builder.WithPredicates(sagaEnded())).
		WatchesRawSource(source.Func(r.listen)).
		Complete(r)
}

// listen puts participants into the queue whose topics look different now.
func (r *SagaParticipantReconciler) listen(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
	r.Topics.Subscribe(func(participant types.NamespacedName) {
		queue.Add(reconcile.Request{NamespacedName: participant})
	})
	return nil
}

// finalizersChanged passes on that somebody has touched the finalizers: ours belongs there.
func finalizersChanged() predicate.Predicate {
	return predicate.Funcs{
		CreateFunc:  func(event.CreateEvent) bool { return false },
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !slices.Equal(e.ObjectOld.GetFinalizers(), e.ObjectNew.GetFinalizers())
		},
	}
}
