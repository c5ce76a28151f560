package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/program"
)

// indexPlace is the cache's index of sagas by their place among those of their definition.
const indexPlace = "sagas.dev/place"

// standingAs is what a saga does among those of its definition.
type standingAs string

const (
	running standingAs = "running" // has started, and not ended
	queued  standingAs = "queued"  // waits for its turn; one that is suspended lets others go first
)

// place is where a saga stands among those of its definition, of whatever revision. Sagas that hold their own definition share
// it where it is the same to the letter. It follows from what is stored, so that the cache can index it; the zero place: none.
type place struct {
	as    standingAs
	group string // the definition
	key   string // its concurrency key; empty: none
}

func placeOf(saga *v1alpha1.Saga) place {
	p := place{group: groupOf(saga), key: saga.Status.ConcurrencyKey}
	switch {
	case p.group == "" || final(saga.Status.Phase) || saga.Status.EndTime != nil:
		return place{}
	case saga.Status.StartTime != nil:
		p.as = running
	case saga.DeletionTimestamp.IsZero() && !saga.Spec.Suspend && isQueued(saga):
		p.as = queued
	default:
		return place{}
	}
	return p
}

func isQueued(saga *v1alpha1.Saga) bool {
	accepted := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionAccepted)
	return accepted != nil && accepted.Reason == v1alpha1.ReasonQueued
}

// groupOf names the definition that a saga shares its limits with; empty where there can be none.
func groupOf(saga *v1alpha1.Saga) string {
	if ref := saga.Spec.DefinitionRef; ref != nil {
		return groupOfDefinition(ref.Name)
	}
	def := saga.Spec.Definition
	if def == nil || def.Concurrency == nil && def.MaxActive == nil {
		return ""
	}
	digest, err := program.Digest(*def)
	if err != nil {
		return "" // it does not compile either, and never starts
	}
	return "inline:" + digest
}

func groupOfDefinition(name string) string { return "ref:" + name }

// values are what a place is indexed as: as one of its definition, and as one with its key.
func (p place) values() []string {
	switch {
	case p.as == "":
		return nil
	case p.key == "":
		return []string{p.value()}
	}
	return []string{place{as: p.as, group: p.group}.value(), p.value()}
}

func (p place) value() string { return string(p.as) + "\x00" + p.group + "\x00" + p.key }

func indexByPlace(o client.Object) []string {
	saga, ok := o.(*v1alpha1.Saga)
	if !ok {
		return nil
	}
	return placeOf(saga).values()
}

// at returns the sagas at a place, as the cache knows them, the oldest first; without a key, those with any. They are the
// cache's own: nobody may change them.
func (r *SagaReconciler) at(ctx context.Context, namespace string, p place) ([]*v1alpha1.Saga, error) {
	var list v1alpha1.SagaList
	err := r.Client.List(ctx, &list, client.InNamespace(namespace), client.MatchingFields{indexPlace: p.value()},
		&client.ListOptions{UnsafeDisableDeepCopy: ptr.To(true)})
	if err != nil {
		return nil, fmt.Errorf("listing the %s sagas of the definition: %w", p.as, err)
	}
	var there []*v1alpha1.Saga
	for i := range list.Items {
		found := placeOf(&list.Items[i])
		if found.as == p.as && found.group == p.group && (p.key == "" || found.key == p.key) {
			there = append(there, &list.Items[i])
		}
	}
	slices.SortFunc(there, byAge)
	return there, nil
}

// byAge orders sagas as their turns come.
func byAge(a, b *v1alpha1.Saga) int {
	return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
}
