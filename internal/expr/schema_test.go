package expr

import (
	"fmt"
	"strings"
	"testing"
)

const orderSchema = `{
	"type": "object",
	"additionalProperties": false,
	"required": ["orderId", "lines"],
	"properties": {
		"orderId": {"type": "string", "minLength": 2, "maxLength": 8, "pattern": "^o-"},
		"lines": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"$ref": "#/$defs/line"}},
		"currency": {"enum": ["EUR", "USD"]},
		"version": {"const": 2},
		"due": {"type": "string", "format": "date-time"},
		"weight": {"type": "number", "exclusiveMinimum": 0, "maximum": 30.5, "multipleOf": 0.5},
		"tags": {"type": "array", "uniqueItems": true, "items": {"type": "string"}},
		"note": {"type": ["string", "null"]},
		"gift/wrap": {"type": "boolean"},
		"payment": {"oneOf": [{"required": ["card"]}, {"required": ["iban"]}]}
	},
	"$defs": {"line": {
		"type": "object", "required": ["sku", "quantity"],
		"properties": {"sku": {"type": "string"}, "quantity": {"type": "integer", "minimum": 1}}
	}}
}`

func TestValidate(t *testing.T) {
	const lines = `"lines": [{"sku": "tea", "quantity": 1}]`
	tests := map[string]struct {
		params string
		want   string // after the sentinel's text; empty: valid
	}{
		"an order":                          {params: `{"orderId": "o-1", ` + lines + `}`},
		"a whole number is an integer":      {params: `{"orderId": "o-1", "lines": [{"sku": "tea", "quantity": 1.0}]}`},
		"no parameters at all are an {}":    {params: "", want: "/lines: is required; /orderId: is required"},
		"parameters that are no JSON":       {params: `{`, want: "the document is no valid JSON"},
		"a missing field of an item":        {params: `{"orderId": "o-1", "lines": [{"sku": "tea"}]}`, want: "/lines/0/quantity: is required"},
		"a number below its bound":          {params: `{"orderId": "o-1", "lines": [{"sku": "tea", "quantity": -1}]}`, want: "/lines/0/quantity: must be at least 1, is -1"},
		"a fraction for an integer":         {params: `{"orderId": "o-1", "lines": [{"sku": "tea", "quantity": 1.5}]}`, want: "/lines/0/quantity: must be of type integer, is number"},
		"a number for a string":             {params: `{"orderId": 1, ` + lines + `}`, want: "/orderId: must be of type string, is number"},
		"neither of two types":              {params: `{"orderId": "o-1", "note": 1, ` + lines + `}`, want: "/note: must be of type null or string, is number"},
		"a string that is too short":        {params: `{"orderId": "o", ` + lines + `}`, want: "/orderId: must have at least 2 characters, has 1; /orderId: must match the pattern ^o-"},
		"a string that is too long":         {params: `{"orderId": "o-1234567", ` + lines + `}`, want: "/orderId: must have at most 8 characters, has 9"},
		"no items":                          {params: `{"orderId": "o-1", "lines": []}`, want: "/lines: must have at least 1 items, has 0"},
		"a field that is not known":         {params: `{"orderId": "o-1", "b": 1, "a": 2, ` + lines + `}`, want: "/a: is not a known field; /b: is not a known field"},
		"none of the values":                {params: `{"orderId": "o-1", "currency": "PLN", ` + lines + `}`, want: `/currency: must be one of "EUR", "USD"`},
		"not the one value":                 {params: `{"orderId": "o-1", "version": 1, ` + lines + `}`, want: `/version: must be 2`},
		"not of the format":                 {params: `{"orderId": "o-1", "due": "soon", ` + lines + `}`, want: "/due: must be a valid date-time"},
		"numbers outside of their bounds":   {params: `{"orderId": "o-1", "weight": 31.2, ` + lines + `}`, want: "/weight: must be a multiple of 0.5, is 31.2; /weight: must be at most 30.5, is 31.2"},
		"a number at its exclusive bound":   {params: `{"orderId": "o-1", "weight": 0, ` + lines + `}`, want: "/weight: must be more than 0, is 0"},
		"an item that is there twice":       {params: `{"orderId": "o-1", "tags": ["a", "b", "a"], ` + lines + `}`, want: "/tags: must not hold an item twice, items 0 and 2 are equal"},
		"a slash in a name":                 {params: `{"orderId": "o-1", "gift/wrap": 1, ` + lines + `}`, want: "/gift~1wrap: must be of type boolean, is number"},
		"none of the alternatives":          {params: `{"orderId": "o-1", "payment": {}, ` + lines + `}`, want: "/payment: matches none of the alternatives (oneOf)"},
		"two of the alternatives":           {params: `{"orderId": "o-1", "payment": {"card": 1, "iban": 2}, ` + lines + `}`, want: "/payment: matches the alternatives 0 and 1, only one is allowed (oneOf)"},
		"the whole document":                {params: `[]`, want: "/: must be of type object, is array"},
		"a number beyond all bounds":        {params: `{"weight": 1e999999999}`, want: "the document holds the number 1e999999999, which is out of range"},
		"a document that is nested too far": {params: strings.Repeat("[", 99) + strings.Repeat("]", 99), want: "the document is nested too deeply, at most 64 levels are allowed"},
		"many violations, of which a few are named": {params: `{"a": 1, "b": 1, "c": 1, "d": 1, "e": 1, "f": 1}`,
			want: "/a: is not a known field; /b: is not a known field; /c: is not a known field; /d: is not a known field; /e: is not a known field (and 3 more)"},
	}
	schema, err := CompileSchema([]byte(orderSchema))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := schema.Validate([]byte(test.params))
			if test.want == "" {
				if err != nil {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			assertError(t, err, "parameters break the schema: "+test.want, ErrInvalid)
		})
	}
}

func TestParametersBeyondTheirBoundAreRefusedWithoutASchemaToo(t *testing.T) {
	params := []byte(`"` + strings.Repeat("x", MaxParams) + `"`)
	schema, err := CompileSchema(nil)
	if err != nil {
		t.Fatal(err)
	}
	want := "parameters break the schema: too large: they are 16386 bytes, at most 16384 are allowed"
	assertError(t, schema.Validate(params), want, ErrInvalid, ErrTooLarge)
	if err := schema.Validate([]byte(`{"anything": 1}`)); err != nil {
		t.Errorf("no schema refused: %v", err)
	}
}

func TestViolationsFitIntoOneLineOfBoundedLength(t *testing.T) {
	schema, err := CompileSchema([]byte(`{"additionalProperties": {"const": "` + strings.Repeat("y", 500) + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	var params strings.Builder
	for i := range 40 {
		fmt.Fprintf(&params, `,"%d%s": 1`, i, strings.Repeat("ż", 120))
	}
	err = schema.Validate([]byte("{" + params.String()[1:] + "}"))
	if err == nil || len(err.Error()) > 1100 || strings.Contains(err.Error(), "\n") {
		t.Fatalf("message of %d bytes: %v", len(err.Error()), err)
	}
	if !strings.HasSuffix(err.Error(), "(and 35 more)") {
		t.Errorf("message does not count the rest: %v", err)
	}
}

func TestCompileSchemaRefuses(t *testing.T) {
	var bomb strings.Builder
	for i := range 30 {
		fmt.Fprintf(&bomb, `"d%d": {"anyOf": [{"$ref": "#/$defs/d%d"}, {"$ref": "#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	tests := map[string]struct{ raw, want string }{
		"what is no JSON":             {`{`, "the document is no valid JSON"},
		"what is no schema":           {`[]`, "it must be a JSON object"},
		"a schema beyond its bound":   {`{"title": "` + strings.Repeat("x", MaxSchema) + `"}`, "it is 32781 bytes, at most 32768 are allowed"},
		"a schema nested too far":     {strings.Repeat(`{"not":`, 70) + "{}" + strings.Repeat("}", 70), "the document is nested too deeply, at most 64 levels are allowed"},
		"another draft":               {`{"$schema": "http://json-schema.org/draft-07/schema#"}`, "/$schema: only https://json-schema.org/draft/2020-12/schema is supported: leave it out"},
		"an unknown type":             {`{"properties": {"a": {"type": "text"}}}`, `/properties/a/type: must be one of array, boolean, integer, null, number, object, string, or a list of these`},
		"a bound that is no number":   {`{"minimum": "1"}`, "/minimum: must be of type number, is string"},
		"a reference to the network":  {`{"$ref": "https://example.com/order.json"}`, `$ref to "https://example.com/order.json" leads outside of the schema: put what it refers to under $defs`},
		"a reference to a file":       {`{"properties": {"a": {"$ref": "file:///etc/passwd"}}}`, `$ref to "file:///etc/passwd" leads outside of the schema: put what it refers to under $defs`},
		"a reference to a neighbour":  {`{"items": {"$ref": "line.json#/$defs/a"}}`, `$ref to "line.json" leads outside of the schema: put what it refers to under $defs`},
		"a reference to nothing":      {`{"items": {"$ref": "#/$defs/line"}}`, `$ref to "#/$defs/line" leads nowhere`},
		"a dynamic reference":         {`{"$dynamicAnchor": "x", "items": {"$dynamicRef": "#x"}}`, "$dynamicRef is not supported: use $ref"},
		"a pattern that is no RE2":    {`{"properties": {"a": {"pattern": "(?=x)"}}}`, "/properties/a/pattern: the pattern is not RE2: invalid or unsupported Perl syntax: `(?=`"},
		"a pattern that is too large": {`{"pattern": "(abc){900}"}`, "/pattern: the pattern compiles to 4502 instructions, at most 2000 are allowed"},
		"a small schema with endless work": {`{"$defs": {` + bomb.String() + `"d30": {}}, "$ref": "#/$defs/d0"}`,
			"it is too complex: more than 1000 subschemas may apply to one value: use fewer alternatives and references"},
		"endless work through children": {`{"$defs": {"a": {"properties": {"x": {"allOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]}}}}, "$ref": "#/$defs/a"}`,
			"it is too complex: more than 1000 subschemas may apply to one value: use fewer alternatives and references"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := CompileSchema([]byte(test.raw))
			assertError(t, err, "schema is not valid: "+test.want, ErrSchema)
		})
	}
}

func TestARecursiveSchemaIsAccepted(t *testing.T) {
	schema, err := CompileSchema([]byte(`{"$defs": {"tree": {"type": "object", "properties": {
		"left": {"$ref": "#/$defs/tree"}, "right": {"$ref": "#/$defs/tree"}}, "additionalProperties": false}}, "$ref": "#/$defs/tree"}`))
	if err != nil {
		t.Fatal(err)
	}
	err = schema.Validate([]byte(`{"left": {"right": {"left": {"up": 1}}}}`))
	assertError(t, err, "parameters break the schema: /left/right/left/up: is not a known field", ErrInvalid)
}
