package controllers

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/revision"
)

const (
	// recountEvery is how often the sagas of a definition are counted at most.
	recountEvery = 10 * time.Second
	// maxRevisionUses bounds status.revisions.
	maxRevisionUses = 32
)

// recounts remembers when the sagas of each definition were counted last, so that a storm of sagas costs one write per
// recountEvery.
type recounts struct {
	mu   sync.Mutex
	last map[types.NamespacedName]time.Time
}

// due says how long a definition's sagas must not be counted yet. Zero: they are counted now.
func (c *recounts) due(definition types.NamespacedName, now time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if last, counted := c.last[definition]; counted && now.Sub(last) < recountEvery && !now.Before(last) {
		return recountEvery - now.Sub(last)
	}
	if c.last == nil {
		c.last = map[types.NamespacedName]time.Time{}
	}
	c.last[definition] = now
	return 0
}

func (c *recounts) forget(definition types.NamespacedName) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.last, definition)
}

// revisionUses returns status.revisions of a definition whose newest revision is current, and when they may be counted again;
// until then they are what they were.
func (r *SagaDefinitionReconciler) revisionUses(ctx context.Context, def *v1alpha1.SagaDefinition, current string) ([]v1alpha1.RevisionUse, time.Duration, error) {
	if after := r.counted.due(client.ObjectKeyFromObject(def), r.Clock.Now()); after > 0 {
		return def.Status.Revisions, after, nil
	}
	names, err := r.keptNewestFirst(ctx, def, current)
	if err != nil {
		return nil, 0, err
	}
	sagas, err := r.pinnedSagas(ctx, def)
	if err != nil {
		return nil, 0, err
	}
	uses := make([]v1alpha1.RevisionUse, 0, min(len(names), maxRevisionUses))
	for _, name := range names {
		if len(uses) == maxRevisionUses {
			uses[len(uses)-1].Sagas += sagas[name]
			continue
		}
		uses = append(uses, v1alpha1.RevisionUse{Revision: name, Sagas: sagas[name]})
	}
	return uses, 0, nil
}

// keptNewestFirst names the revisions of a definition that are there: the current one, if any, and then the others by their number.
func (r *SagaDefinitionReconciler) keptNewestFirst(ctx context.Context, def *v1alpha1.SagaDefinition, current string) ([]string, error) {
	var list appsv1.ControllerRevisionList
	err := r.Client.List(ctx, &list, client.InNamespace(def.Namespace), client.MatchingLabels{v1alpha1.LabelDefinition: revision.Label(def.Name)})
	if err != nil {
		return nil, fmt.Errorf("listing revisions: %w", err)
	}
	slices.SortFunc(list.Items, newestFirst)
	var names []string
	if current != "" {
		names = append(names, current) // the cache may not know it yet
	}
	for i := range list.Items {
		if rev := &list.Items[i]; rev.Name != current && revision.Of(rev) == def.Name {
			names = append(names, rev.Name)
		}
	}
	return names, nil
}

// pinnedSagas counts the unfinished sagas of a definition by revision.
func (r *SagaDefinitionReconciler) pinnedSagas(ctx context.Context, def *v1alpha1.SagaDefinition) (map[string]int32, error) {
	there := place{as: running, group: groupOfDefinition(def.Name)}
	var list v1alpha1.SagaList
	err := r.Client.List(ctx, &list, client.InNamespace(def.Namespace), client.MatchingFields{indexPlace: there.value()},
		&client.ListOptions{UnsafeDisableDeepCopy: ptr.To(true)})
	if err != nil {
		return nil, fmt.Errorf("listing the sagas of the definition: %w", err)
	}
	sagas := map[string]int32{}
	for i := range list.Items {
		if found := placeOf(&list.Items[i]); found.as == there.as && found.group == there.group {
			sagas[list.Items[i].Status.Revision]++
		}
	}
	return sagas, nil
}

// sagasCounted has a definition's sagas counted again, after the longest time that may pass, when one has started, ended or gone.
func sagasCounted() handler.EventHandler {
	recount := func(saga *v1alpha1.Saga, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		if ref := saga.Spec.DefinitionRef; ref != nil {
			queue.AddAfter(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: saga.Namespace, Name: ref.Name}}, recountEvery)
		}
	}
	return handler.Funcs{
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			before, after, ok := sagasOf(e)
			if ok && (placeOf(before).as == running) != (placeOf(after).as == running) {
				recount(before, queue)
				recount(after, queue) // either copy may lack what the cache leaves out of a settled one
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			if saga, ok := e.Object.(*v1alpha1.Saga); ok && placeOf(saga).as == running {
				recount(saga, queue)
			}
		},
	}
}
