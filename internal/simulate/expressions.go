package simulate

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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

// greedyText is a text without expressions.
type greedyText string

// Text implements engine.Expressions: the text is what it says. One that begins with "fails" cannot be rendered.
func (Greedy) Text(source string, _ engine.Scope) (engine.Text, error) {
	return greedyText(source), nil
}

// Write implements engine.Text.
func (t greedyText) Write(engine.Values) (string, error) {
	if strings.HasPrefix(string(t), "fails") {
		return "", fmt.Errorf("%w: %s", ErrMissingOutput, t)
	}
	return string(t), nil
}

// greedyCondition is "yes", "no", "fails", "has:STEP" (the step has an output), "params:TEXT" or "event:TEXT" (they contain it).
type greedyCondition string

// Condition implements engine.Expressions.
func (Greedy) Condition(source string, _ engine.Scope) (engine.Condition, error) {
	return greedyCondition(source), nil
}

// Holds implements engine.Condition.
func (c greedyCondition) Holds(v engine.Values) (bool, error) {
	word, argument, _ := strings.Cut(string(c), ":")
	switch word {
	case "yes":
		return true, nil
	case "no":
		return false, nil
	case "has":
		_, ok := v.Outputs[argument]
		return ok, nil
	case "params":
		return strings.Contains(string(v.Params), argument), nil
	case "event":
		return strings.Contains(string(v.Event), argument), nil
	}
	return false, fmt.Errorf("%w: the condition %s", ErrMissingOutput, c)
}

// ReadsSteps implements engine.Condition.
func (c greedyCondition) ReadsSteps() bool { return strings.HasPrefix(string(c), "has:") }

// greedySchema names the keys that a value must have.
type greedySchema struct {
	Required []string `json:"required"`
}

// Schema implements engine.Expressions: of a JSON Schema it knows required.
func (Greedy) Schema(raw []byte) (engine.Schema, error) {
	s := greedySchema{}
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, fmt.Errorf("decoding the schema: %w", err)
	}
	return s, nil
}

// Validate implements engine.Schema.
func (s greedySchema) Validate(raw []byte) error {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return fmt.Errorf("decoding the value: %w", err)
	}
	for _, name := range s.Required {
		if _, ok := fields[name]; !ok {
			return fmt.Errorf("%w: %q is missing", ErrMissingOutput, name)
		}
	}
	return nil
}
