package expr

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

// FuzzTemplate: whatever is compiled and rendered, nothing panics, errors match their sentinels, results are JSON
// within their bound, and the same values give the same bytes.
func FuzzTemplate(f *testing.F) {
	for _, raw := range []string{
		`{"a": "${params.orderId}", "b": ["x ${params.quantity} y", "$${"]}`,
		`"${steps['reserve-inventory'].output.reservationId}"`,
		`"${steps['charge-payment'].?output.?id.orValue('')}"`,
		`"${params.lines.map(l, {'sku': l.sku}).sortBy(l, l.sku)}"`,
		`"${'%s'.format([params])}"`, `"${r'}'}"`, `"${ {'b': 1, 'a': 2}.map(k, k) }"`, `"${[1] + [2]}"`,
		`"${params.orderId.matches('[a-z]{1}-.*')}"`, `"${ {1: 2u, 3: dyn(b'x')} }"`, `"${optional.of(1).optMap(x, x)}"`,
	} {
		f.Add([]byte(raw), []byte(`{"orderId": "o-1", "quantity": 2, "lines": [{"sku": "b"}, {"sku": "a"}]}`))
	}
	c := compiler(f)
	f.Fuzz(func(t *testing.T, raw, params []byte) {
		template, err := c.Compile(raw, undoCharge)
		if err != nil {
			if !errors.Is(err, ErrCompile) {
				t.Fatalf("Compile: %v", err)
			}
			return
		}
		v := Values{Params: params, Outputs: orderValues.Outputs, Saga: orderValues.Saga}
		out, err := template.Render(v)
		if err != nil {
			if !errors.Is(err, ErrRender) {
				t.Fatalf("Render: %v", err)
			}
			return
		}
		if !json.Valid(out) || len(out) > MaxResult {
			t.Fatalf("rendered %q", out)
		}
		if again, err := template.Render(v); err != nil || !bytes.Equal(out, again) {
			t.Fatalf("rendered %s, then %s, %v", out, again, err)
		}
	})
}

// FuzzSchema: whatever is compiled and validated, nothing panics, errors match their sentinels and stay short.
func FuzzSchema(f *testing.F) {
	f.Add([]byte(orderSchema), []byte(`{"orderId": "o-1", "lines": []}`))
	f.Add([]byte(`{"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}`), []byte(`[[[]]]`))
	f.Add([]byte(`{"multipleOf": 1e-300, "pattern": "(a{9}){9}", "format": "date-time"}`), []byte(`1e300`))
	f.Fuzz(func(t *testing.T, raw, params []byte) {
		schema, err := CompileSchema(raw)
		if err != nil {
			if !errors.Is(err, ErrSchema) || len(err.Error()) > 1100 {
				t.Fatalf("CompileSchema: %v", err)
			}
			return
		}
		err = schema.Validate(params)
		if err != nil && (!errors.Is(err, ErrInvalid) || len(err.Error()) > 1100) {
			t.Fatalf("Validate: %v", err)
		}
	})
}
