package expr

import "github.com/sagas-dev/saga-operator/internal/engine"

// Text compiles a text that may hold ${…} expressions.
func (c *Compiler) Text(string, engine.Scope) (engine.Text, error) {
	return nil, compileError("texts are not supported yet")
}

// Condition compiles an expression that is true or false.
func (c *Compiler) Condition(string, engine.Scope) (engine.Condition, error) {
	return nil, compileError("conditions are not supported yet")
}

// Schema compiles a JSON Schema.
func (c *Compiler) Schema(raw []byte) (engine.Schema, error) { return CompileSchema(raw) }
