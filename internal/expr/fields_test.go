package expr

import (
	"strings"
	"testing"
)

// orderShapes are what is known of the order of the other tests.
func orderShapes(t testing.TB) Shapes {
	t.Helper()
	compile := func(raw string) *Schema {
		schema, err := CompileSchema([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		return schema
	}
	return Shapes{
		Params: compile(`{
			"type": "object", "additionalProperties": false,
			"properties": {
				"orderId": {"type": "string"}, "quantity": {"type": "integer"}, "gone": false, "any": {}, "open": {"type": "object"},
				"lines": {"items": {"$ref": "#/$defs/line"}},
				"pair": {"prefixItems": [{"type": "string"}], "items": {"$ref": "#/$defs/line"}},
				"address": {"allOf": [{"properties": {"city": {}, "zip": {"type": ["string", "null"]}}, "additionalProperties": false}]},
				"labels": {"patternProperties": {"^x-": {"type": "string"}}, "additionalProperties": false},
				"byName": {"additionalProperties": {"$ref": "#/$defs/line"}},
				"tree": {"$ref": "#/$defs/tree"},
				"either": {"oneOf": [{"properties": {"a": {}}, "additionalProperties": false}, {"properties": {"b": {}}}]}
			},
			"$defs": {
				"line": {"properties": {"sku": {}, "quantity": {}}, "additionalProperties": false},
				"tree": {"properties": {"left": {"$ref": "#/$defs/tree"}}, "additionalProperties": false}
			}
		}`),
		Outputs: map[string]Output{
			"reserve-inventory": {Schema: compile(`{"properties": {"reservationId": {}, "shelf": {}}, "additionalProperties": false}`), Kept: []string{"reservationId"}},
			"charge-payment":    {Schema: compile(`{"properties": {"id": {}}, "additionalProperties": false}`)},
		},
	}
}

func TestAFieldThatCannotBeThereIsNotRead(t *testing.T) {
	const ofParams = "its schema declares address, any, byName, either, labels, lines, open, orderId, pair, quantity, tree"
	const ofLines = "its schema declares quantity, sku"
	tests := map[string]struct{ expression, want string }{
		"a misspelt parameter":                  {"params.orderID", `1:7: params has no field "orderID": ` + ofParams},
		"an index":                              {"params['order-id']", `1:7: params has no field "order-id": ` + ofParams},
		"a parameter that must not be there":    {"params.gone", `1:7: params has no field "gone": ` + ofParams},
		"within a larger expression":            {"'no. ' + params.orderId + string(params.qty)", `1:40: params has no field "qty": ` + ofParams},
		"a field of a string":                   {"params.orderId.prefix", `1:15: params.orderId has no field "prefix": its schema says that it is of type string`},
		"a field of what is null or string":     {"params.address.zip.code", `1:19: params.address.zip has no field "code": its schema says that it is of type null or string`},
		"a field that allOf leaves no room for": {"params.address.town", `1:15: params.address has no field "town": its schema declares city, zip`},
		"a field that no pattern matches":       {"params.labels.y", `1:14: params.labels has no field "y": its schema declares none`},
		"a field of an item":                    {"params.lines[0].name", `1:16: params.lines[…] has no field "name": ` + ofLines},
		"a field of an item in a macro":         {"params.lines.map(l, l.name)", `1:22: l has no field "name": ` + ofLines},
		"in the inner of two macros":            {"params.lines.exists(l, params.lines.all(m, m.sku == l.name))", `1:54: l has no field "name": ` + ofLines},
		"a field of a member of any name":       {"params.byName.first.name", `1:20: params.byName.first has no field "name": ` + ofLines},
		"a field deep in a tree":                {"params.tree.left.left.right", `1:22: params.tree.left.left has no field "right": its schema declares left`},
		"a misspelt output":                     {"steps['charge-payment'].output.ID", `1:31: steps['charge-payment'].output has no field "ID": its schema declares id`},
		"an output that the step does not keep": {"steps['reserve-inventory'].output.shelf", `1:34: steps['reserve-inventory'].output has no field "shelf": the step keeps reservationId`},
		"a misspelt kept output":                {"steps['reserve-inventory'].output.id", `1:34: steps['reserve-inventory'].output has no field "id": the step keeps reservationId`},
	}
	c := compiler(t).With(orderShapes(t))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := c.Compile([]byte(`"${`+test.expression+`}"`), order)
			assertError(t, err, test.want, ErrCompile)
			_, err = c.Text(`${`+test.expression+`}`, order)
			assertError(t, err, test.want, ErrCompile)
			_, err = c.Condition(test.expression, order)
			assertError(t, err, test.want, ErrCompile)
			if _, err := compiler(t).Condition("dyn("+test.expression+")", order); err != nil {
				t.Errorf("refused where nothing is known of the values: %v", err)
			}
		})
	}
}

func TestAFieldThatMayBeThereIsRead(t *testing.T) {
	tests := map[string]string{
		"a declared parameter":               "params.orderId",
		"all parameters":                     "size(params)",
		"an unknown one, optionally":         "params.?orderID.orValue('')",
		"an unknown one, by optional index":  "params[?'orderID'].orValue('')",
		"asking for an unknown one":          "has(params.orderID)",
		"searching for an unknown one":       "'orderID' in params",
		"a name that is computed":            "params[saga.name]",
		"a field of any value":               "params.any.field",
		"a field of an open object":          "params.open.field",
		"a field of one of alternatives":     "params.either.c",
		"a field that a pattern matches":     "params.labels['x-a']",
		"a field after an optional one":      "params.?address.town.orValue('')",
		"an item of which the place counts":  "params.pair[0].name",
		"an item":                            "params.lines[0].sku",
		"an item in a macro":                 "params.lines.map(l, l.sku)",
		"a key in a macro":                   "params.address.map(k, k)",
		"a macro's variable named as a list": "params.lines.map(lines, lines.sku)",
		"what another macro has made":        "params.lines.map(l, {'name': l.sku}).map(l, l.name)",
		"the inner of two of one name":       "params.lines.map(l, [{'name': l.sku}].map(l, l.name))",
		"a claim check's fields":             "params.orderId['$ref'] + params.lines[0].sha256",
		"a declared output":                  "steps['charge-payment'].output.id",
		"a kept output":                      "steps['reserve-inventory'].output.reservationId",
		"another output, optionally":         "steps['charge-payment'].?output.?name.orValue('')",
		"another output's presence":          "has(steps['charge-payment'].output.name)",
	}
	c := compiler(t).With(orderShapes(t))
	for name, expression := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := c.Compile([]byte(`"${`+expression+`}"`), order); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

func TestBeyondABoundLessIsKnownOfAValue(t *testing.T) {
	const open, closed = `{"type": "object"}, `, `{"additionalProperties": false}`
	for others, refused := range map[int]bool{10: true, maxShapeWork: false} {
		schema, err := CompileSchema([]byte(`{"allOf": [` + strings.Repeat(open, others) + closed + `]}`))
		if err != nil {
			t.Fatal(err)
		}
		_, err = compiler(t).With(Shapes{Params: schema}).Condition("params"+strings.Repeat(".a", 50), order)
		if refused != (err != nil) {
			t.Errorf("with %d other schemas: %v", others, err)
		}
	}
}
