package lint

import (
	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/program"
)

// examined is a definition, or that within a saga, with all that is wrong with it.
type examined struct {
	program.Problems
	spec  v1alpha1.SagaDefinitionSpec
	field string // where it stands
}

// examine tells of all that is wrong with a definition that stands in field.
func (r *run) examine(o *object, field string, spec v1alpha1.SagaDefinitionSpec) {
	o.examined = &examined{Problems: program.Examine(spec, r.expressions), spec: spec, field: field}
	for _, err := range o.examined.Steps {
		r.addError(o, field, err)
	}
	for _, err := range o.examined.Expressions {
		r.addError(o, field, err)
	}
	r.readsOutputs(o, field, spec)
	r.inheritsOutputs(o, field, spec)
}

// examineOwn examines the definition that an object is or holds, if any.
func (r *run) examineOwn(o *object) {
	switch {
	case o.definition != nil:
		r.examine(o, "spec", o.definition.Spec)
	case o.saga != nil && o.saga.Spec.Definition != nil:
		r.examine(o, "spec.definition", *o.saga.Spec.Definition)
	}
}
