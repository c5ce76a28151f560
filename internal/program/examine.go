package program

import (
	"fmt"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

// Problems are all that is wrong with a definition.
type Problems struct {
	engine.Problems
	Schema *expr.Schema // of params; nil: any object, or one that is wrong
}

// Examine looks for all that Compile would refuse, where that tells what it finds first.
func Examine(def v1alpha1.SagaDefinitionSpec, x *expr.Compiler) Problems {
	schema, schemaErr := parameters(def, false)
	x = x.With(shapes(def, schema)).Thorough()
	found := Problems{Problems: engine.Examine(def, x), Schema: schema}
	if schemaErr != nil {
		found.Schema = nil
		found.Expressions = append(found.Expressions, fmt.Errorf("%w: %w", ErrInvalidSchema, schemaErr))
	}
	if _, err := compileLimits(def, x); err != nil {
		found.Expressions = append(found.Expressions, err)
	}
	return found
}
