package controllers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/revision"
)

// findRevision finds the revision that a saga is to start with: the one that it names or, where it names none, the newest.
func (r *SagaReconciler) findRevision(ctx context.Context, v *visit) error {
	ref := v.saga.Spec.DefinitionRef
	if ref.Revision == "" {
		return r.newestRevision(ctx, v)
	}
	kept, err := r.keptRevisions(ctx, v, ref.Name)
	if err != nil {
		return err
	}
	if slices.Contains(kept, ref.Revision) {
		v.revision = ref.Revision
		return nil
	}
	names := "none is kept"
	if len(kept) > 0 {
		names = "kept are " + strings.Join(kept, ", ")
	}
	v.acceptance = waiting(v1alpha1.ReasonDefinitionNotFound, fmt.Sprintf("Waiting for revision %q of SagaDefinition %q: %s", ref.Revision, ref.Name, names))
	return nil
}

// keptRevisions names the revisions of a definition that sagas can start with, the newest first.
func (r *SagaReconciler) keptRevisions(ctx context.Context, v *visit, definition string) ([]string, error) {
	var list appsv1.ControllerRevisionList
	err := r.reader(v).List(ctx, &list, client.InNamespace(v.saga.Namespace), client.MatchingLabels{v1alpha1.LabelDefinition: revision.Label(definition)})
	if err != nil {
		return nil, fmt.Errorf("listing the revisions of definition %q: %w", definition, err)
	}
	slices.SortFunc(list.Items, newestFirst)
	var kept []string
	for i := range list.Items {
		if rev := &list.Items[i]; rev.DeletionTimestamp.IsZero() && revision.Of(rev) == definition {
			kept = append(kept, rev.Name)
		}
	}
	return kept, nil
}

func newestFirst(a, b appsv1.ControllerRevision) int {
	return cmp.Or(cmp.Compare(b.Revision, a.Revision), cmp.Compare(a.Name, b.Name))
}
