package expr

import (
	"strings"
	"testing"
)

var sum = strings.Repeat("0a", 32)

func TestAClaimCheckMatchesWhereverItStands(t *testing.T) {
	claim := `{"$ref": "s3://orders/o-1.pdf", "sha256": "` + sum + `"}`
	const document = `"properties": {"document": {"type": "string", "maxLength": 10}}`
	tests := map[string]struct{ schema, params, want string }{
		"for a string":                           {schema: `{` + document + `}`, params: `{"document": CLAIM}`},
		"for a number with bounds":               {schema: `{"properties": {"n": {"type": "integer", "minimum": 1}}}`, params: `{"n": CLAIM}`},
		"for one value of an enum":               {schema: `{"properties": {"n": {"enum": ["a"]}}}`, params: `{"n": CLAIM}`},
		"for an object without others":           {schema: `{"properties": {"a": {"type": "object", "additionalProperties": false, "properties": {"x": {}}, "required": ["x"]}}}`, params: `{"a": CLAIM}`},
		"for an object that counts all fields":   {schema: `{"properties": {"a": {"allOf": [{"required": ["x"]}], "unevaluatedProperties": false}}}`, params: `{"a": CLAIM}`},
		"for an item":                            {schema: `{"properties": {"list": {"items": {"type": "string"}}}}`, params: `{"list": ["a", CLAIM]}`},
		"for what a reference asks":              {schema: `{"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}`, params: `{"a": CLAIM}`},
		"for what an alternative asks":           {schema: `{"properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}}}`, params: `{"a": CLAIM}`},
		"for one of alternatives":                {schema: `{"properties": {"a": {"oneOf": [{"type": "string"}, {"type": "null"}]}}}`, params: `{"a": CLAIM}`},
		"for what must not be":                   {schema: `{"properties": {"a": {"not": {"type": "object"}}}}`, params: `{"a": CLAIM}`},
		"for a field of any name":                {schema: `{"additionalProperties": {"type": "string"}}`, params: `{"a": CLAIM}`},
		"for the whole":                          {schema: `{"required": ["orderId"]}`, params: `CLAIM`},
		"beside a field that is wrong":           {schema: `{"properties": {"a": {"type": "string"}, "b": {"type": "string"}}}`, params: `{"a": CLAIM, "b": 1}`, want: "/b: must be of type string, is number"},
		"not for a field that must not be there": {schema: `{"properties": {"a": false}}`, params: `{"a": CLAIM}`, want: "/a: is not allowed"},
		"not for a field that is not known":      {schema: `{"additionalProperties": false}`, params: `{"a": CLAIM}`, want: "/a: is not a known field"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			schema, err := CompileSchema([]byte(test.schema))
			if err != nil {
				t.Fatal(err)
			}
			err = schema.Validate([]byte(strings.ReplaceAll(test.params, "CLAIM", claim)))
			if test.want != "" {
				assertError(t, err, "parameters break the schema: "+test.want, ErrInvalid)
			} else if err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestWhatIsNoClaimCheckMustMatch(t *testing.T) {
	schema, err := CompileSchema([]byte(`{"properties": {"document": {"type": "string"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"another member":              `{"$ref": "a", "sha256": "` + sum + `", "size": 1}`,
		"no digest":                   `{"$ref": "a"}`,
		"no reference":                `{"sha256": "` + sum + `"}`,
		"a reference that is no text": `{"$ref": 1, "sha256": "` + sum + `"}`,
		"a digest in upper case":      `{"$ref": "a", "sha256": "` + strings.ToUpper(sum) + `"}`,
		"a digest that is too short":  `{"$ref": "a", "sha256": "` + sum[1:] + `"}`,
		"a digest that is too long":   `{"$ref": "a", "sha256": "` + sum + `\n"}`,
	} {
		t.Run(name, func(t *testing.T) {
			err := schema.Validate([]byte(`{"document": ` + value + `}`))
			assertError(t, err, "parameters break the schema: /document: must be of type string, is object", ErrInvalid)
		})
	}
}

func TestAReferenceInAValueIsNoReferenceOfTheSchema(t *testing.T) {
	value := `{"$ref": "https://example.com/a", "sha256": "x"}`
	schema, err := CompileSchema([]byte(`{"properties": {"$ref": {"type": "string"}, "kept": {"const": ` + value + `}, "of": {"enum": [` + value + `]}},
		"default": ` + value + `, "examples": [` + value + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate([]byte(`{"$ref": "x", "kept": ` + value + `, "of": ` + value + `}`)); err != nil {
		t.Errorf("refused: %v", err)
	}
	err = schema.Validate([]byte(`{"$ref": 1}`))
	assertError(t, err, "parameters break the schema: /$ref: must be of type string, is number", ErrInvalid)
}

func TestWhatBreaksTheSchemaOfAnOutputSaysSo(t *testing.T) {
	schema, err := compiler(t).Schema([]byte(`{"required": ["id"]}`))
	if err != nil {
		t.Fatal(err)
	}
	assertError(t, schema.Validate(nil), "the output breaks its schema: /id: is required", ErrOutput)
	if err := schema.Validate([]byte(`{"id": 1}`)); err != nil {
		t.Errorf("refused: %v", err)
	}
}
