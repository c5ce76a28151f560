package expr

import "testing"

func TestASchemaThatContradictsItselfIsRefused(t *testing.T) {
	tests := map[string]struct{ raw, want string }{
		"a minimum above the maximum":                      {`{"properties": {"amount": {"minimum": 5, "maximum": 1.5}}}`, "/properties/amount: no number fits between minimum 5 and maximum 1.5"},
		"an exclusive minimum at the maximum":              {`{"exclusiveMinimum": 5, "maximum": 5}`, "/: no number fits between exclusiveMinimum 5 and maximum 5"},
		"a minimum at the exclusive maximum":               {`{"minimum": 5, "exclusiveMaximum": 5}`, "/: no number fits between minimum 5 and exclusiveMaximum 5"},
		"two exclusive bounds that are one":                {`{"exclusiveMinimum": 5, "exclusiveMaximum": 5}`, "/: no number fits between exclusiveMinimum 5 and exclusiveMaximum 5"},
		"lengths":                                          {`{"properties": {"a/b c": {"minLength": 3, "maxLength": 2}}}`, "/properties/a~1b c: minLength 3 is more than maxLength 2"},
		"items":                                            {`{"items": {"minItems": 3, "maxItems": 2}}`, "/items: minItems 3 is more than maxItems 2"},
		"fields":                                           {`{"minProperties": 3, "maxProperties": 2}`, "/: minProperties 3 is more than maxProperties 2"},
		"what is contained":                                {`{"contains": {}, "minContains": 3, "maxContains": 2}`, "/: minContains 3 is more than maxContains 2"},
		"what is contained, once by default":               {`{"contains": {}, "maxContains": 0}`, "/: minContains 1 is more than maxContains 0"},
		"a required field that is false":                   {`{"required": ["a"], "properties": {"a": false}}`, `/: required names "a", which properties rules out`},
		"a required field that a pattern rules out":        {`{"required": ["x-a"], "patternProperties": {"^x-": false}}`, `/: required names "x-a", which patternProperties rules out`},
		"a required field that is not known":               {`{"required": ["a", "b"], "properties": {"a": {}}, "additionalProperties": false}`, `/: required names "b", which additionalProperties: false rules out`},
		"more required fields than allowed":                {`{"required": ["a", "b"], "maxProperties": 1}`, "/: required names 2 fields, maxProperties allows 1"},
		"an enum without values":                           {`{"properties": {"a": {"enum": []}}}`, "/properties/a: enum has no value"},
		"an enum of another type":                          {`{"type": "string", "enum": [1, 2]}`, "/: enum has no value that fits what stands beside it: 1 must be of type string, is number"},
		"an enum beyond a bound":                           {`{"enum": ["EUR", "USD"], "maxLength": 2}`, `/: enum has no value that fits what stands beside it: "EUR" must have at most 2 characters, has 3`},
		"a const of another type":                          {`{"type": ["object", "null"], "const": 2}`, "/: const has no value that fits what stands beside it: 2 must be of type null or object, is number"},
		"a const that is not of the enum":                  {`{"const": 2, "enum": [1]}`, "/: const has no value that fits what stands beside it: 2 must be one of 1"},
		"a definition that is referred to":                 {`{"$ref": "#/$defs/a", "$defs": {"a": {"minLength": 2, "maxLength": 1}}}`, "/$defs/a: minLength 2 is more than maxLength 1"},
		"an alternative":                                   {`{"oneOf": [{}, {"not": {"minimum": 2, "maximum": 1}}]}`, "/oneOf/1/not: no number fits between minimum 2 and maximum 1"},
		"the first of two places is the one that is named": {`{"properties": {"b": {"minimum": 2, "maximum": 1}, "a": {"minimum": 2, "maximum": 1}}}`, "/properties/a: no number fits between minimum 2 and maximum 1"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := CompileSchema([]byte(test.raw))
			assertError(t, err, "schema is not valid: "+test.want, ErrSchema)
			_, err = compiler(t).Schema([]byte(test.raw))
			assertError(t, err, "schema is not valid: "+test.want, ErrSchema)
			if _, err := LoadSchema([]byte(test.raw)); err != nil {
				t.Errorf("refused although it was accepted before: %v", err)
			}
		})
	}
}

func TestASchemaThatIsNarrowIsNoContradiction(t *testing.T) {
	for name, raw := range map[string]string{
		"one number":                              `{"minimum": 5, "maximum": 5}`,
		"one length":                              `{"minLength": 2, "maxLength": 2}`,
		"nothing but the empty list":              `{"maxItems": 0}`,
		"a required field that is declared":       `{"required": ["a"], "properties": {"a": {}}, "additionalProperties": false}`,
		"a required field that matches a pattern": `{"required": ["x-a"], "patternProperties": {"^x-": {}}, "additionalProperties": false}`,
		"a required field of any name":            `{"required": ["a"], "additionalProperties": {"type": "string"}}`,
		"a field that must not be there":          `{"properties": {"a": false}}`,
		"an enum of which one value fits":         `{"type": "string", "enum": [1, "a"]}`,
		"a whole number with a fraction of zero":  `{"type": "integer", "const": 1.0}`,
		"as many required fields as allowed":      `{"required": ["a", "b"], "maxProperties": 2}`,
		"none contained":                          `{"contains": {}, "minContains": 0, "maxContains": 0}`,
		"a bound for what is never contained":     `{"maxContains": 0}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := CompileSchema([]byte(raw)); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}
