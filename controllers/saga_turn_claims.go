package controllers

import (
	"context"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// turns remembers the sagas that are active although the cache may not know it yet: those that this process has let start,
// and those that another had started when this one looked first.
//
// That look is a live list, once per process and definition that has limits: a cache may lag behind what the leader before
// this one started last. Two managers at the same time are what the lease prevents; compare-and-swap cannot, between objects.
type turns struct {
	mu     sync.Mutex
	looked map[types.NamespacedName]bool // definitions; one without a name: sagas that hold their own
	claims map[string]map[types.UID]claim
}

// claim is an active saga.
type claim struct {
	uid  types.UID
	name string
	key  string // its concurrency key; empty: none
}

func (t *turns) claim(saga *v1alpha1.Saga, p place) {
	if t.claims == nil {
		t.claims = map[string]map[types.UID]claim{}
	}
	in := saga.Namespace + "/" + p.group
	if t.claims[in] == nil {
		t.claims[in] = map[types.UID]claim{}
	}
	t.claims[in][saga.UID] = claim{uid: saga.UID, name: saga.Name, key: p.key}
}

// drop forgets a claim, and says whether there was one.
func (t *turns) drop(in string, uid types.UID) bool {
	_, claimed := t.claims[in][uid]
	delete(t.claims[in], uid)
	if len(t.claims[in]) == 0 {
		delete(t.claims, in)
	}
	return claimed
}

// holderOf returns the active saga that has a key. Of several, as after a change of the definition, the first by name, so that messages are
// stable.
func holderOf(key string, active map[types.UID]claim) (holder claim, found bool) {
	if key == "" {
		return claim{}, false
	}
	for _, c := range active {
		if c.key == key && (!found || c.name < holder.name) {
			holder, found = c, true
		}
	}
	return holder, found
}

// active returns the active sagas that may be in the way: all of the definition where their number counts, else those with the
// saga's key. The caller holds the lock.
func (r *SagaReconciler) active(ctx context.Context, v *visit, mine place) (map[types.UID]claim, error) {
	if err := r.lookOnce(ctx, v.saga); err != nil {
		return nil, err
	}
	where := mine
	if v.compiled.Limits.MaxActive > 0 {
		where.key = ""
	}
	active := map[types.UID]claim{}
	in := v.saga.Namespace + "/" + mine.group
	for uid, c := range r.turns.claims[in] {
		outdated, err := r.outdated(ctx, v.saga.Namespace, c)
		switch {
		case err != nil:
			return nil, err
		case outdated:
			r.turns.drop(in, uid)
		case where.key == "" || c.key == where.key:
			active[uid] = c
		}
	}
	sagas, err := r.at(ctx, v.saga.Namespace, where) // after the claims: what one of them gave way to is seen here
	for _, saga := range sagas {
		active[saga.UID] = claim{uid: saga.UID, name: saga.Name, key: saga.Status.ConcurrencyKey}
	}
	return active, err
}

// outdated says whether a claim is needed no more: the cache knows that the saga has started, or it is gone.
func (r *SagaReconciler) outdated(ctx context.Context, namespace string, c claim) (bool, error) {
	saga := &v1alpha1.Saga{}
	err := r.Client.Get(ctx, types.NamespacedName{Namespace: namespace, Name: c.name}, saga)
	switch {
	case err == nil && saga.UID == c.uid:
		return saga.Status.StartTime != nil || final(saga.Status.Phase), nil
	case err != nil && !apierrors.IsNotFound(err):
		return false, fmt.Errorf("reading saga %q: %w", c.name, err)
	}
	return r.hasEnded(ctx, namespace, c)
}

// lookOnce claims for the sagas of a definition that the API server knows to be active.
func (r *SagaReconciler) lookOnce(ctx context.Context, saga *v1alpha1.Saga) error {
	definition := types.NamespacedName{Namespace: saga.Namespace}
	if saga.Spec.DefinitionRef != nil {
		definition.Name = saga.Spec.DefinitionRef.Name
	}
	if r.turns.looked[definition] {
		return nil
	}
	options := &client.ListOptions{Namespace: saga.Namespace, Limit: sagasPerPage, FieldSelector: unfinishedOf(definition.Name)}
	for {
		var page v1alpha1.SagaList
		if err := r.APIReader.List(ctx, &page, options); err != nil {
			return fmt.Errorf("listing the unfinished sagas of the definition: %w", err)
		}
		for i := range page.Items {
			if p := placeOf(&page.Items[i]); p.as == running {
				r.turns.claim(&page.Items[i], p)
			}
		}
		if options.Continue = page.Continue; options.Continue == "" {
			break
		}
	}
	if r.turns.looked == nil {
		r.turns.looked = map[types.NamespacedName]bool{}
	}
	r.turns.looked[definition] = true
	return nil
}

// unfinishedOf selects the sagas of a definition that have not ended.
func unfinishedOf(definition string) fields.Selector {
	selectors := []fields.Selector{fields.OneTermEqualSelector("spec.definitionRef.name", definition)}
	for _, phase := range []v1alpha1.SagaPhase{v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated, v1alpha1.PhaseRejected} {
		selectors = append(selectors, fields.OneTermNotEqualSelector("status.phase", string(phase)))
	}
	return fields.AndSelectors(selectors...)
}

// yieldTurn gives a turn back that the saga cannot take after all.
func (r *SagaReconciler) yieldTurn(ctx context.Context, v *visit) {
	group := groupOf(v.saga)
	r.turns.mu.Lock()
	claimed := r.turns.drop(v.saga.Namespace+"/"+group, v.saga.UID)
	r.turns.mu.Unlock()
	if claimed {
		for _, name := range r.nextInLine(ctx, v.saga.Namespace, place{group: group}) {
			r.wakes.add(v.saga.Namespace, name, 0)
		}
	}
}
