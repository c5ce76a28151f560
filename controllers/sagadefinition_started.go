package controllers

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// startedFrom says whether a trigger starts sagas of the revision: it uses it also while none of them runs.
func startedFrom(ctx context.Context, reader client.Reader, rev *appsv1.ControllerRevision) (bool, error) {
	starters, err := startersWith(ctx, reader, rev)
	if err != nil {
		return false, fmt.Errorf("looking for triggers that need it: %w", err)
	}
	return len(starters) > 0, nil
}

// startersWith names the triggers that start sagas of a revision.
func startersWith(ctx context.Context, reader client.Reader, rev client.Object) ([]reconcile.Request, error) {
	var list v1alpha1.SagaTriggerList
	if err := reader.List(ctx, &list, client.InNamespace(rev.GetNamespace())); err != nil {
		return nil, fmt.Errorf("listing triggers: %w", err)
	}
	var starters []reconcile.Request
	for i := range list.Items {
		if revisionOfTrigger(&list.Items[i]) == rev.GetName() {
			starters = append(starters, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return starters, nil
}

// revisionOfTrigger is the revision that a trigger starts sagas of; empty: always the newest, or orders.
func revisionOfTrigger(trigger *v1alpha1.SagaTrigger) string {
	if trigger.Spec.DefinitionRef == nil {
		return ""
	}
	return trigger.Spec.DefinitionRef.Revision
}

// startedWith names the revision that a trigger starts sagas of.
func startedWith(_ context.Context, o client.Object) []reconcile.Request {
	trigger, ok := o.(*v1alpha1.SagaTrigger)
	if !ok || revisionOfTrigger(trigger) == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: trigger.Namespace, Name: revisionOfTrigger(trigger)}}}
}
