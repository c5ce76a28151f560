// Package expr turns untyped JSON with ${…} expressions into templates, and JSON Schemas into checks of parameters.
//
// Both are pure and bounded: the same values render to the same bytes, nothing reads a clock, a random number, a
// file or the network, and no expression runs longer or grows larger than its bounds. Everything compiled may be
// used by several goroutines at once.
//
// Source: docs/expressions.md.
package expr

// Expressions compiles untyped JSON values that hold ${…} expressions.
type Expressions interface {
	// Compile compiles raw, any JSON value of at most MaxTemplate bytes, for a place where the outputs of the steps
	// named in scope may be read. No bytes at all stand for {}. Its errors are *Error and match ErrCompile.
	Compile(raw []byte, scope Scope) (Template, error)
}

// Scope says what the expressions of one place may read.
type Scope struct {
	Steps []string // steps whose output may be read: the earlier ones, in order
	Self  string   // a compensation's own step, whose output is read through optional selection only; else empty
	All   []string // every step of the definition, so that a message tells a later step from an unknown one
}

// Template is a compiled JSON value.
type Template interface {
	// Render returns canonical JSON: sorted keys, no white space, no HTML escaping, whole numbers without a fraction.
	// The same values give the same bytes. Its errors are *Error and match ErrRender; those about a bound also match
	// ErrTooLarge or ErrCost.
	Render(v Values) ([]byte, error)
}

// Values is what expressions read.
type Values struct {
	Params  []byte            // a JSON object; empty stands for {}
	Outputs map[string][]byte // by step name, JSON objects; steps without output are absent
	Saga    map[string]string // name, namespace, uid, idempotencyKey, businessKey
}

// Bounds of templates and of what they render to.
const (
	MaxResult      = 16 << 10  // bytes of rendered JSON
	MaxTemplate    = 32 << 10  // bytes of JSON before it is rendered
	MaxExpression  = 4 << 10   // bytes of one expression, without its ${ and }
	MaxExpressions = 256       // expressions in one template
	MaxDepth       = 64        // levels of nesting, of a template and of what expressions read
	MaxCost        = 1_000_000 // cost units that all expressions of one template may use up in one rendering
)

// Bounds inside one expression; beyond what a person would write.
const (
	maxParseDepth     = 100     // levels of CEL syntax
	maxNodes          = 4_000   // nodes of the syntax tree, macros expanded
	maxComprehensions = 3       // comprehensions (map, filter, all, exists) inside each other
	maxUnits          = 1 << 16 // size of one value on the way: its elements, and ten bytes of string count as one
	maxString         = 1 << 18 // bytes of a string that one call makes
	maxPairs          = 1 << 23 // pairs that one call compares
	maxRange          = 1_000   // elements of lists.range
	maxRegexProgram   = 500     // instructions of a compiled regular expression
	maxCounted        = 1 << 20 // bytes up to which a result that is too large is counted
)
