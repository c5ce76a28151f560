package expr

import (
	"strings"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// Text compiles source, a text of at most MaxTemplate bytes in which the results of ${…} are written out: strings, ints
// and bools. Its errors are *Error and match ErrCompile.
func (c *Compiler) Text(source string, scope Scope) (engine.Text, error) {
	return compileText(source, c.place(scope))
}

// TextEvent is Text for a place that may read the variable event, and nothing else.
func (c *Compiler) TextEvent(source string) (engine.Text, error) {
	return compileText(source, c.eventPlace())
}

// Condition compiles source, an expression that is true or false, without ${…} around it. Its errors are *Error and
// match ErrCompile.
func (c *Compiler) Condition(source string, scope Scope) (engine.Condition, error) {
	return compileCondition(source, c.place(scope))
}

// ConditionEvent is Condition for a place that may read the variable event, and nothing else.
func (c *Compiler) ConditionEvent(source string) (engine.Condition, error) {
	return compileCondition(source, c.eventPlace())
}

// Schema compiles the JSON Schema of a step's output, as CompileSchema does. What breaks it matches ErrOutput.
func (c *Compiler) Schema(raw []byte) (engine.Schema, error) {
	s, err := CompileSchema(raw)
	if err != nil {
		return nil, err
	}
	s.isOutput = true
	return s, nil
}

// writing is a compiled text.
type writing struct {
	splice *spliceNode
	reads  reads
}

func compileText(source string, at place) (engine.Text, error) {
	if len(source) > MaxTemplate {
		err := compileError("is %d bytes of text, at most %d are allowed", len(source), MaxTemplate)
		err.kinds = append(err.kinds, ErrTooLarge)
		return nil, err
	}
	parts, err := scan(source)
	if err != nil {
		return nil, err
	}
	b := newBuilder(at)
	splice, err := b.splice(parts, "")
	if err != nil {
		return nil, err
	}
	return &writing{splice: splice, reads: b.reads}, nil
}

// Write implements engine.Text. Its errors are *Error and match ErrRender; beyond MaxResult bytes also ErrTooLarge.
func (w *writing) Write(v Values) (string, error) {
	variables, err := w.reads.activation(v)
	if err != nil {
		return "", err
	}
	text, err := w.splice.write(&rendering{variables: variables})
	if err != nil {
		return "", err
	}
	if len(text) > MaxResult {
		return "", tooLargeError(len(text))
	}
	return strings.ToValidUTF8(string(text), "\uFFFD"), nil
}
