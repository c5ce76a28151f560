package controllers

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// takeTurn holds back a saga that could start but for others of its definition (spec.concurrency and spec.maxActive), and finds
// out whether another one wants to run in its place.
func (r *SagaReconciler) takeTurn(ctx context.Context, v *visit) error {
	if v.started() {
		v.concurrencyKey = v.saga.Status.ConcurrencyKey
		return r.findSuccessor(ctx, v)
	}
	mayStart := v.acceptance.Status == metav1.ConditionTrue && !v.deleting()
	if !mayStart || !v.compiled.Limits.Any() {
		r.yieldTurn(ctx, v)
		return nil
	}
	key, err := v.compiled.Limits.Key(v.id)
	if err != nil {
		v.acceptance = rejected(v1alpha1.ReasonInvalidParameters, err)
	} else if v.concurrencyKey = key; v.saga.Spec.Suspend {
		v.acceptance = waiting(v1alpha1.ReasonQueued, "Waiting for spec.suspend to be lifted: only then it takes its turn")
	}
	if v.acceptance.Status != metav1.ConditionTrue {
		r.yieldTurn(ctx, v)
		return nil
	}
	if err := r.claimTurn(ctx, v); err != nil || v.acceptance.Status != metav1.ConditionTrue {
		return err
	}
	return r.findSuccessor(ctx, v)
}

// claimTurn lets the saga start, or says what it waits for. Looking and claiming are one: of two sagas that are looked at
// at the same time, the second sees the claim of the first.
func (r *SagaReconciler) claimTurn(ctx context.Context, v *visit) error {
	r.turns.mu.Lock()
	defer r.turns.mu.Unlock()
	mine := place{as: running, group: groupOf(v.saga), key: v.concurrencyKey}
	active, err := r.active(ctx, v, mine)
	if err != nil {
		return err
	}
	if _, claimed := active[v.saga.UID]; claimed {
		return nil // it was its turn already: only its start was not stored
	}
	if v.acceptance, err = r.judgeTurn(ctx, v, mine, active); err != nil || v.acceptance.Status != metav1.ConditionTrue {
		return err
	}
	r.turns.claim(v.saga, mine)
	return nil
}

// judgeTurn says whether it is the saga's turn beside those that are active.
func (r *SagaReconciler) judgeTurn(ctx context.Context, v *visit, mine place, active map[types.UID]claim) (engine.Acceptance, error) {
	limits := v.compiled.Limits
	if holder, ok := holderOf(mine.key, active); ok {
		if limits.Policy == v1alpha1.ConcurrencyReject {
			return r.rejectFor(ctx, v, holder)
		}
		return waitingForKey(holder.name, mine.key), nil
	}
	ahead, err := r.ahead(ctx, v, mine)
	switch {
	case err != nil:
		return engine.Acceptance{}, err
	case mine.key != "" && len(ahead.sameKey) > 0:
		return waitingForKey(ahead.sameKey[0], mine.key), nil
	case limits.MaxActive > 0 && (len(active) >= limits.MaxActive || ahead.others(active)):
		return waiting(v1alpha1.ReasonQueued, fmt.Sprintf("Waiting for one of %d active sagas of %s to end (maxActive %d)",
			len(active), definitionOf(v.saga), limits.MaxActive)), nil
	}
	return accepted, nil
}

func waitingForKey(holder, key string) engine.Acceptance {
	return waiting(v1alpha1.ReasonQueued, fmt.Sprintf("Waiting for saga %q, which has the concurrency key %q", holder, key))
}

func definitionOf(saga *v1alpha1.Saga) string {
	if saga.Spec.DefinitionRef == nil {
		return "its own definition"
	}
	return fmt.Sprintf("definition %q", saga.Spec.DefinitionRef.Name)
}

// rejectFor ends the saga because of another with its key. The cache may remember one that has ended: a live visit looks.
func (r *SagaReconciler) rejectFor(ctx context.Context, v *visit, holder claim) (engine.Acceptance, error) {
	if v.live {
		gone, err := r.hasEnded(ctx, v.saga.Namespace, holder)
		if err != nil {
			return engine.Acceptance{}, err
		}
		if gone {
			return waitingForKey(holder.name, v.concurrencyKey), nil // the cache will hear of its end, and wake the saga
		}
	}
	return rejected(v1alpha1.ReasonConcurrencyRejected, fmt.Errorf("saga %q has the concurrency key %q and is running", holder.name, v.concurrencyKey)), nil
}

// queueAhead are the sagas whose turn comes first.
type queueAhead struct {
	sameKey []string
	keys    []string // of the others; empty: none
}

// others says whether one of the others only waits for the number of active sagas to fall: a younger one must not overtake it.
func (q queueAhead) others(active map[types.UID]claim) bool {
	for _, key := range q.keys {
		if _, held := holderOf(key, active); !held {
			return true
		}
	}
	return false
}

func (r *SagaReconciler) ahead(ctx context.Context, v *visit, mine place) (queueAhead, error) {
	limit := place{as: queued, group: mine.group, key: mine.key}
	if v.compiled.Limits.MaxActive > 0 {
		limit.key = ""
	}
	var ahead queueAhead
	waiting, err := r.at(ctx, v.saga.Namespace, limit)
	for _, other := range waiting {
		switch {
		case other.UID == v.saga.UID || byAge(other, v.saga) >= 0:
		case mine.key != "" && other.Status.ConcurrencyKey == mine.key:
			ahead.sameKey = append(ahead.sameKey, other.Name)
		default:
			ahead.keys = append(ahead.keys, other.Status.ConcurrencyKey)
		}
	}
	return ahead, err
}

// findSuccessor looks for a saga that waits with the same key under policy AbortRunning: this one is then aborted, for as long as
// that can be. Where several wait, the oldest starts first, is aborted by the next in the same decision, and has sent nothing.
func (r *SagaReconciler) findSuccessor(ctx context.Context, v *visit) error {
	if v.concurrencyKey == "" || v.ended() {
		return nil
	}
	waiting, err := r.at(ctx, v.saga.Namespace, place{as: queued, group: groupOf(v.saga), key: v.concurrencyKey})
	if err != nil {
		return err
	}
	for _, other := range waiting {
		if other.UID == v.saga.UID {
			continue
		}
		o := &visit{saga: other, acceptance: accepted}
		if err := r.loadProgram(ctx, o); err != nil {
			return fmt.Errorf("reading what saga %q will run: %w", other.Name, err)
		}
		if o.compiled != nil && o.compiled.Limits.Policy == v1alpha1.ConcurrencyAbortRunning {
			v.successor = other.Name
			return nil
		}
	}
	return nil
}

// hasEnded says, past the cache, whether a saga is no longer active.
func (r *SagaReconciler) hasEnded(ctx context.Context, namespace string, c claim) (bool, error) {
	now := &v1alpha1.Saga{}
	err := r.APIReader.Get(ctx, types.NamespacedName{Namespace: namespace, Name: c.name}, now)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading saga %q, which may be active: %w", c.name, err)
	}
	return now.UID != c.uid || now.Status.EndTime != nil || final(now.Status.Phase), nil
}
