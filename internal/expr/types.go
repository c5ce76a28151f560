// Package expr turns untyped JSON with ${…} expressions into templates, and JSON Schemas into checks of parameters.
//
// Both are pure and bounded: the same values render to the same bytes, nothing reads a clock, a random number, a
// file or the network, and no expression runs longer or grows larger than its bounds. Everything compiled may be
// used by several goroutines at once.
//
// Source: docs/expressions.md.
package expr

import "github.com/sagas-dev/saga-operator/internal/engine"

// The shapes in which the engine asks for expressions are the engine's own.
type (
	// Scope says what the expressions of one place may read.
	Scope = engine.Scope
	// Template is a compiled JSON value. Its errors are *Error and match ErrRender; those about a bound also match
	// ErrTooLarge or ErrCost.
	Template = engine.Template
	// Values is what expressions read.
	Values = engine.Values
)

// Bounds of templates and of what they render to.
const (
	MaxResult      = 16 << 10 // bytes of rendered JSON
	MaxTemplate    = 32 << 10 // bytes of JSON before it is rendered
	MaxExpression  = 4 << 10  // bytes of one expression, without its ${ and }
	MaxExpressions = 256      // expressions in one template
	MaxDepth       = 64       // levels of nesting, of a template and of what expressions read
	MaxCost        = 500_000  // cost units that all expressions of one template may use up in one rendering
	MaxBareCost    = 100_000  // cost units of a condition or a key, which are evaluated for each event
)

// Bounds inside one expression; beyond what a person would write.
const (
	maxParseDepth     = 100     // levels of CEL syntax
	maxNodes          = 4_000   // nodes of the syntax tree, macros expanded
	maxComprehensions = 8       // comprehensions (map, filter, all, exists) inside each other or in a chain
	maxUnits          = 1 << 16 // size of one value on the way: its elements, and ten bytes of string count as one
	maxString         = 1 << 18 // bytes of a string that one call makes
	maxPairs          = 1 << 23 // pairs that one call compares
	maxWalk           = 2_000   // elements of a list or map that an expression may walk or make
	maxRange          = 1_000   // elements of lists.range
	maxRegexProgram   = 500     // instructions of a compiled regular expression
	maxCounted        = 1 << 20 // bytes up to which a result that is too large is counted
)
