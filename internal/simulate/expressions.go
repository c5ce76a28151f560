package simulate

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// ErrMissingOutput says that a template needs an output that is not there.
var ErrMissingOutput = errors.New("no such output")

// Greedy compiles templates that render everything they may read, so that no change of what a command could have read goes
// unseen. A template {"needs": ["a"]} cannot be rendered without the output of step a.
type Greedy struct{}

type greedy struct {
	Needs []string `json:"needs"`
	scope engine.Scope
}

// Compile implements engine.Expressions.
func (Greedy) Compile(raw []byte, scope engine.Scope) (engine.Template, error) {
	t := greedy{scope: scope}
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, fmt.Errorf("decoding the template: %w", err)
	}
	return t, nil
}

// Render implements engine.Template.
func (t greedy) Render(v engine.Values) ([]byte, error) {
	for _, name := range t.Needs {
		if _, ok := v.Outputs[name]; !ok {
			return nil, fmt.Errorf("%w: of step %q", ErrMissingOutput, name)
		}
	}
	outputs := map[string]json.RawMessage{}
	for _, name := range append([]string{t.scope.Self}, t.scope.Steps...) {
		if out, ok := v.Outputs[name]; ok {
			outputs[name] = out
		}
	}
	return json.Marshal(map[string]any{"params": json.RawMessage(v.Params), "outputs": outputs, "saga": v.Saga})
}
