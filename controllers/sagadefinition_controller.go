package controllers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
)

// +kubebuilder:rbac:groups=sagas.dev,resources=sagadefinitions;sagaparticipants,verbs=get;list;watch
// +kubebuilder:rbac:groups=sagas.dev,resources=sagadefinitions/status,verbs=get;update
// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=get;list;watch;create

// SagaDefinitionReconciler judges definitions and keeps each state of them as a revision that sagas are pinned to.
type SagaDefinitionReconciler struct {
	// Client reads from the cache and writes.
	Client client.Client
	// Live reads from the API server, where a name is taken that the cache does not know.
	Live client.Reader
	// Programs compiles definitions.
	Programs *program.Cache
	// Permitted says which topics a participant may name.
	Permitted topicpolicy.Policy
	// EventKeys compiles what participants say that their events are correlated by.
	EventKeys *EventKeys
	// Clock dates the transitions of conditions.
	Clock clock.PassiveClock

	counted recounts
}

// Reconcile judges one definition. It costs a revision and one status write per change of the definition, one status
// write when its participants appear or go, one at most every ten seconds while its sagas start and end, and nothing otherwise.
func (r *SagaDefinitionReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	found := &v1alpha1.SagaDefinition{}
	if err := r.Client.Get(ctx, request.NamespacedName, found); err != nil || !found.DeletionTimestamp.IsZero() {
		r.counted.forget(request.NamespacedName)
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	compiled, err := r.Programs.Compile(found.Spec)
	if err != nil {
		return r.store(ctx, found, "", definitionRefused(err))
	}
	current, err := r.revisionOf(ctx, found)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("making the revision: %w", err)
	}
	accepted, err := r.lookForParticipants(ctx, found.Namespace, compiled.Participants())
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("looking for participants: %w", err)
	}
	return r.store(ctx, found, current, accepted)
}

// definitionRefused is condition Accepted of a definition that does not compile; only a change mends it.
func definitionRefused(err error) metav1.Condition {
	reason := v1alpha1.ReasonInvalidDefinition
	switch {
	case errors.Is(err, program.ErrInvalidSchema):
		reason = v1alpha1.ReasonInvalidParameters
	case errors.Is(err, engine.ErrInvalidExpression):
		reason = v1alpha1.ReasonInvalidExpression
	}
	return metav1.Condition{Status: metav1.ConditionFalse, Reason: reason, Message: conditionMessage(err.Error())}
}

// lookForParticipants returns condition Accepted of a definition that compiles. A participant that is missing, or names
// no topic that a step needs, leaves it unknown: sagas of it start as soon as the participant is there.
func (r *SagaDefinitionReconciler) lookForParticipants(ctx context.Context, namespace string, uses map[string]engine.ParticipantUse) (metav1.Condition, error) {
	var missing []string
	for name, use := range uses {
		var participant v1alpha1.SagaParticipant
		err := r.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &participant)
		switch {
		case apierrors.IsNotFound(err):
			missing = append(missing, fmt.Sprintf("there is no SagaParticipant %q in this namespace", name))
		case err != nil:
			return metav1.Condition{}, err
		case refusedTopic(r.Permitted, &participant) != "":
			missing = append(missing, fmt.Sprintf("SagaParticipant %q is not accepted: %s", name, refusedTopic(r.Permitted, &participant)))
		case use.Listens && r.EventKeys.refused(&participant) != "":
			missing = append(missing, fmt.Sprintf("SagaParticipant %q is not accepted: %s", name, r.EventKeys.refused(&participant)))
		case use.Commands && participant.Spec.Topics.Commands == "":
			missing = append(missing, fmt.Sprintf("SagaParticipant %q names no topic for commands", name))
		case (use.Events || use.Listens) && participant.Spec.Topics.Events == "":
			missing = append(missing, fmt.Sprintf("SagaParticipant %q names no topic for events", name))
		}
	}
	if len(missing) == 0 {
		return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted, Message: "Sagas can be started from it"}, nil
	}
	slices.Sort(missing)
	message := conditionMessage("Sagas wait until this changes: " + strings.Join(missing, "; "))
	return metav1.Condition{Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonParticipantNotFound, Message: message}, nil
}

// store writes the status if it says something new, and says when its sagas are to be counted again. The write is a
// compare-and-swap.
func (r *SagaDefinitionReconciler) store(ctx context.Context, found *v1alpha1.SagaDefinition, current string, judged metav1.Condition) (ctrl.Result, error) {
	uses, after, err := r.revisionUses(ctx, found, current)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("counting its sagas: %w", err)
	}
	result := ctrl.Result{RequeueAfter: after}
	changed := found.DeepCopy()
	changed.Status.Revisions = uses
	changed.Status.ObservedGeneration = found.Generation
	changed.Status.Revision = current
	judged.ObservedGeneration = found.Generation
	judged.LastTransitionTime = metav1.NewTime(r.Clock.Now().UTC())
	for _, conditionType := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionReady} {
		judged.Type = conditionType
		setCondition(&changed.Status.Conditions, judged)
	}
	setCondition(&changed.Status.Conditions, stalledAs(judged, judged.Status == metav1.ConditionFalse))
	if equality.Semantic.DeepEqual(found.Status, changed.Status) {
		return result, nil
	}
	if err := r.Client.Status().Update(ctx, changed); err != nil {
		r.counted.forget(client.ObjectKeyFromObject(found)) // what was counted is not stored
		return result, fmt.Errorf("storing status: %w", client.IgnoreNotFound(err))
	}
	if !equality.Semantic.DeepEqual(found.Status.Conditions, changed.Status.Conditions) {
		ctrl.LoggerFrom(ctx).Info("Judged definition", "reason", judged.Reason, "revision", current)
	}
	return result, nil
}

// SetupWithManager registers the reconciler. It wakes for definitions and their revisions, and for participants that
// appear, change or go.
func (r *SagaDefinitionReconciler) SetupWithManager(manager ctrl.Manager) error {
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return ctrl.NewControllerManagedBy(manager).
		For(&v1alpha1.SagaDefinition{}, changed).
		Owns(&appsv1.ControllerRevision{}, builder.WithPredicates(goingAway())).
		Watches(&v1alpha1.SagaParticipant{}, handler.EnqueueRequestsFromMapFunc(r.definitionsOf), changed).
		Watches(&v1alpha1.Saga{}, sagasCounted()).
		Complete(r)
}

// definitionsOf names the definitions of the namespace that use a participant.
func (r *SagaDefinitionReconciler) definitionsOf(ctx context.Context, participant client.Object) []reconcile.Request {
	var definitions v1alpha1.SagaDefinitionList
	if err := r.Client.List(ctx, &definitions, client.InNamespace(participant.GetNamespace())); err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Listing definitions", "participant", participant.GetName())
		return nil
	}
	var requests []reconcile.Request
	for i := range definitions.Items {
		if usesParticipant(definitions.Items[i].Spec, participant.GetName()) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&definitions.Items[i])})
		}
	}
	return requests
}

func usesParticipant(spec v1alpha1.SagaDefinitionSpec, name string) bool {
	return slices.ContainsFunc(spec.Steps, func(step v1alpha1.Step) bool { return step.Participant == name })
}

// maxConditionMessage keeps a condition's message readable; the API server's own bound is 32 KiB.
const maxConditionMessage = 1024

func conditionMessage(message string) string {
	if len(message) <= maxConditionMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxConditionMessage], "") + "…"
}
