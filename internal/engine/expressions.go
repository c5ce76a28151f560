package engine

// Expressions compiles untyped JSON values whose strings may hold ${…} expressions.
type Expressions interface {
	// Compile compiles raw, any JSON value, for a place that may read what scope allows.
	Compile(raw []byte, scope Scope) (Template, error)
}

// Scope says which steps' outputs an expression may read.
type Scope struct {
	Steps []string // the earlier steps, in order
	Self  string   // a compensation's own step, readable through optional selection only; else empty
	All   []string // every step of the definition: tells 'later' from 'unknown' in messages
}

// Template is a compiled value.
type Template interface {
	// Render returns canonical JSON: the same values always give the same bytes.
	Render(values Values) ([]byte, error)
}

// Values are what expressions read.
type Values struct {
	Params  []byte            // a JSON object
	Outputs map[string][]byte // JSON objects by step name; a step without output is absent
	Saga    map[string]string // name, namespace, uid, idempotencyKey, businessKey
}
