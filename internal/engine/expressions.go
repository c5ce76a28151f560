package engine

// Expressions compiles what a definition says in CEL and in JSON Schema. All of it is pure and bounded.
type Expressions interface {
	// Compile compiles raw, any JSON value whose strings may hold ${…} expressions, for a place that may read what scope allows.
	Compile(raw []byte, scope Scope) (Template, error)
	// Text compiles source, a text that may hold ${…} expressions.
	Text(source string, scope Scope) (Text, error)
	// Condition compiles source, a CEL expression that is true or false, without ${…} around it.
	Condition(source string, scope Scope) (Condition, error)
	// Schema compiles raw, a JSON Schema that refers to nothing outside itself.
	Schema(raw []byte) (Schema, error)
}

// Scope says what an expression may read beside params and saga.
type Scope struct {
	Steps []string // the steps whose outputs may be read, in order
	Self  string   // a compensation's own step, readable through optional selection only; else empty
	All   []string // every step of the definition: tells 'later' from 'unknown' in messages
	Aside []string // steps of a graph that are listed before, but not waited for: dependsOn would make them readable
	First bool     // it is evaluated when the saga starts, before any step
	Event bool     // the variable event: id, source, type, subject, time, dataschema, correlationid, data
	Data  bool     // the variable data: what is upcast
}

// Template is a compiled value.
type Template interface {
	// Render returns canonical JSON: the same values always give the same bytes.
	Render(values Values) ([]byte, error)
}

// Text is a compiled text.
type Text interface {
	// Write returns the text: the same values always give the same.
	Write(values Values) (string, error)
}

// Condition is a compiled condition.
type Condition interface {
	// Holds says whether it is true. An error means that it cannot be evaluated with these values.
	Holds(values Values) (bool, error)
	// ReadsSteps says whether it reads what steps have answered.
	ReadsSteps() bool
}

// Schema is a compiled JSON Schema.
type Schema interface {
	// Validate says where raw, a JSON value, breaks the schema. A claim check, an object with just the texts $ref and sha256, matches any.
	Validate(raw []byte) error
}

// Values are what expressions read.
type Values struct {
	Params  []byte            // a JSON object
	Outputs map[string][]byte // JSON objects by step name; a step without output is absent
	Saga    map[string]string // name, namespace, uid, idempotencyKey, businessKey
	Event   []byte            // a JSON object as Occurred.JSON makes it; read where the scope says so
	Data    []byte            // a JSON object; read where the scope says so
}
