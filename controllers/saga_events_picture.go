package controllers

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
)

// EventPictureReconciler tells whoever reads events which participants publish where, and what definitions listen for. It
// writes nothing.
type EventPictureReconciler struct {
	// Client reads from the cache.
	Client client.Client
	// Programs compiles definitions.
	Programs *program.Cache
	// Permitted says which topics a participant may name.
	Permitted topicpolicy.Policy
	// EventKeys compiles what participants say that their events are correlated by.
	EventKeys *EventKeys
	// Know takes the picture.
	Know func(events.Picture)
}

// Reconcile draws the whole picture anew, whatever has changed.
func (r *EventPictureReconciler) Reconcile(ctx context.Context, _ ctrl.Request) (ctrl.Result, error) {
	participants, err := r.participants(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	kinds, err := r.kinds(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	r.Know(events.Picture{Participants: participants, Kinds: kinds})
	return ctrl.Result{}, nil
}

// participants returns those that publish where they may, and whose events can be correlated.
func (r *EventPictureReconciler) participants(ctx context.Context) ([]events.Participant, error) {
	var list v1alpha1.SagaParticipantList
	if err := r.Client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing participants: %w", err)
	}
	var found []events.Participant
	for i := range list.Items {
		p := &list.Items[i]
		if p.Spec.Topics.Events == "" || refusedTopic(r.Permitted, p) != "" {
			continue
		}
		key, err := r.EventKeys.of(p)
		if err != nil {
			continue // its condition Accepted says so
		}
		found = append(found, events.Participant{Namespace: p.Namespace, Name: p.Name, Topic: p.Spec.Topics.Events, Key: key})
	}
	return found, nil
}

// kinds returns what the definitions listen for that sagas can be started from.
func (r *EventPictureReconciler) kinds(ctx context.Context) ([]events.Kind, error) {
	var list v1alpha1.SagaDefinitionList
	if err := r.Client.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing definitions: %w", err)
	}
	var found []events.Kind
	for i := range list.Items {
		compiled, err := r.Programs.Recompile(list.Items[i].Spec)
		if err != nil {
			continue // its condition Accepted says so
		}
		for _, l := range compiled.Kinds() {
			found = append(found, events.Kind{Namespace: list.Items[i].Namespace, Participant: l.Participant, Type: l.Type})
		}
	}
	return found, nil
}

// SetupWithManager registers the reconciler. Every change of a participant or a definition wakes it, all as one.
func (r *EventPictureReconciler) SetupWithManager(mgr ctrl.Manager) error {
	all := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{}}
	})
	changed := builder.WithPredicates(predicate.GenerationChangedPredicate{})
	return ctrl.NewControllerManagedBy(mgr).
		Named("event-picture").
		Watches(&v1alpha1.SagaParticipant{}, all, changed).
		Watches(&v1alpha1.SagaDefinition{}, all, changed).
		Complete(r)
}

// Unfinished names the sagas that have not ended.
func Unfinished(ctx context.Context, reader client.Reader) ([]types.NamespacedName, error) {
	var list v1alpha1.SagaList
	if err := reader.List(ctx, &list); err != nil {
		return nil, fmt.Errorf("listing sagas: %w", err)
	}
	var names []types.NamespacedName
	for i := range list.Items {
		if !final(list.Items[i].Status.Phase) {
			names = append(names, client.ObjectKeyFromObject(&list.Items[i]))
		}
	}
	return names, nil
}
