package program

import (
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

// shapes gathers what a definition tells of the values that its expressions will read.
func shapes(def v1alpha1.SagaDefinitionSpec, params *expr.Schema) expr.Shapes {
	known := expr.Shapes{Params: params, Outputs: map[string]expr.Output{}}
	for _, s := range def.Steps {
		switch {
		case s.Action != nil:
			known.Outputs[s.Name] = output(s.Action.OutputSchema, s.Action.Output)
		case s.Await != nil:
			known.Outputs[s.Name] = output(s.Await.OutputSchema, s.Await.Output)
		}
	}
	return known
}

// output returns what is known of an output. A schema that does not compile tells nothing: engine.Compile refuses it.
func output(raw *runtime.RawExtension, kept []string) expr.Output {
	known := expr.Output{Kept: kept}
	if raw == nil {
		return known
	}
	if schema, err := expr.CompileSchema(raw.Raw); err == nil {
		known.Schema = schema
	}
	return known
}
