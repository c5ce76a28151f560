package trigger

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/revision"
)

// judgement says whether a saga can be made of a definition.
type judgement struct {
	waits string // what is waited for, for people; empty: nothing
	wrong error  // how the params break the definition's schema
}

// judgeParams looks at the definition as it is now. An order looks at its own.
func (n *run) judgeParams(ctx context.Context, next item) (judgement, error) {
	if next.params == nil {
		return judgement{}, nil
	}
	compiled, waits, err := n.definition(ctx)
	if err != nil || waits != "" {
		return judgement{waits: waits}, err
	}
	if compiled.Schema != nil {
		if err := compiled.Schema.Validate(next.params); err != nil {
			return judgement{wrong: fmt.Errorf("spec.params: %w", err)}, nil
		}
	}
	return judgement{}, nil
}

// definition returns what the trigger starts, compiled, or what is waited for.
func (n *run) definition(ctx context.Context) (compiled *program.Compiled, waits string, _ error) {
	ref := n.plan.trigger.Spec.DefinitionRef
	if ref.Revision != "" {
		return n.pinned(ctx, ref.Revision)
	}
	found := &v1alpha1.SagaDefinition{}
	err := n.o.Client.Get(ctx, types.NamespacedName{Namespace: n.key.Namespace, Name: ref.Name}, found)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Sprintf("Waiting for SagaDefinition %q", ref.Name), nil
	case err != nil:
		return nil, "", fmt.Errorf("reading definition %q: %w", ref.Name, err)
	case found.Status.ObservedGeneration != found.Generation:
		return nil, fmt.Sprintf("Waiting for SagaDefinition %q to be looked at", ref.Name), nil
	}
	if !meta.IsStatusConditionTrue(found.Status.Conditions, v1alpha1.ConditionAccepted) {
		return nil, fmt.Sprintf("Waiting for SagaDefinition %q to be accepted, as its condition says", ref.Name), nil
	}
	if known := n.compiled; known.uid == found.UID && known.generation == found.Generation {
		return known.Compiled, "", nil
	}
	if compiled, err = n.o.Programs.Compile(found.Spec); err != nil { // its controller is about to say so
		return nil, fmt.Sprintf("Waiting for SagaDefinition %q to be accepted, as its condition says", ref.Name), nil //nolint:nilerr // the condition tells
	}
	n.compiled = compiledOf{compiled, found.UID, found.Generation}
	return compiled, "", nil
}

// compiledOf is a definition in one state; comparing is cheaper than compiling.
type compiledOf struct {
	*program.Compiled
	uid        types.UID
	generation int64
}

// pinned returns a revision of the definition.
func (n *run) pinned(ctx context.Context, name string) (compiled *program.Compiled, waits string, _ error) {
	found := &appsv1.ControllerRevision{}
	err := n.o.Client.Get(ctx, types.NamespacedName{Namespace: n.key.Namespace, Name: name}, found)
	if apierrors.IsNotFound(err) {
		return nil, fmt.Sprintf("Waiting for ControllerRevision %q", name), nil
	}
	if err != nil {
		return nil, "", fmt.Errorf("reading revision %q: %w", name, err)
	}
	compiled, err = n.o.Programs.CompileRevision(found.UID, func() (v1alpha1.SagaDefinitionSpec, error) { return revision.Spec(found) })
	if err != nil {
		return nil, fmt.Sprintf("Waiting for another ControllerRevision %q: this one holds nothing that can be run", name), nil //nolint:nilerr // told
	}
	return compiled, "", nil
}
