package expr

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
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

// FuzzBare: whatever stands for a text, a condition and a key, nothing panics, errors match their sentinels, results are within
// their bounds, and what is compiled with shapes does the same as without.
func FuzzBare(f *testing.F) {
	for _, source := range []string{
		`event.data.orderId == params.orderId`, `order ${params.lines[0].sku}`, `params.lines.exists(l, l.quantity > 1)`, `event.correlationid`,
		`has(steps['charge-payment'].output.id)`, `${params.?note.orValue('')}`, `data.x`, `params.lines.map(event, event.sku).join()`, `${`, ` `,
	} {
		f.Add(source, []byte(`{"orderId": "o-1", "lines": [{"sku": "b", "quantity": 2}]}`))
	}
	c := compiler(f)
	shaped := c.With(orderShapes(f))
	f.Fuzz(func(t *testing.T, source string, object []byte) {
		v := Values{Params: object, Outputs: orderValues.Outputs, Saga: orderValues.Saga, Event: shipped.Event, Data: object}
		said, texts := fuzzText(t, c, source, v)
		holds, conditions := fuzzCondition(t, c, source, v)
		if key, err := c.Key(source); err == nil {
			if k, err := key.Of(object); err == nil && (k == "" || len(k) > maxKey) || err != nil && !errors.Is(err, ErrRender) {
				t.Fatalf("key %q, %v", k, err)
			}
		} else if !errors.Is(err, ErrCompile) {
			t.Fatalf("Key: %v", err)
		}
		if again, compiled := fuzzText(t, shaped, source, v); compiled && (!texts || again != said) {
			t.Fatalf("wrote %q, and %q with shapes", said, again)
		}
		if again, compiled := fuzzCondition(t, shaped, source, v); compiled && (!conditions || again != holds) {
			t.Fatalf("held %t, and %t with shapes", holds, again)
		}
	})
}

func fuzzText(t *testing.T, c *Compiler, source string, v Values) (said string, compiled bool) {
	text, err := c.Text(source, awaiting)
	if err != nil {
		if !errors.Is(err, ErrCompile) {
			t.Fatalf("Text: %v", err)
		}
		return "", false
	}
	if said, err = text.Write(v); err != nil && !errors.Is(err, ErrRender) || len(said) > MaxResult || !utf8.ValidString(said) {
		t.Fatalf("wrote %q, %v", said, err)
	}
	return said, true
}

func fuzzCondition(t *testing.T, c *Compiler, source string, v Values) (holds, compiled bool) {
	condition, err := c.Condition(source, awaiting)
	if err != nil {
		if !errors.Is(err, ErrCompile) {
			t.Fatalf("Condition: %v", err)
		}
		return false, false
	}
	if holds, err = condition.Holds(v); err != nil && (holds || !errors.Is(err, ErrRender)) {
		t.Fatalf("holds: %t, %v", holds, err)
	}
	return holds, true
}

// FuzzSchema: whatever is compiled and validated, nothing panics, errors match their sentinels and stay short, and a claim
// check matches all but false.
func FuzzSchema(f *testing.F) {
	claim := []byte(`{"$ref": "x", "sha256": "` + sum + `"}`)
	f.Add([]byte(orderSchema), []byte(`{"orderId": "o-1", "lines": []}`))
	f.Add([]byte(`{"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}, "$ref": "#/$defs/a"}`), []byte(`[[[]]]`))
	f.Add([]byte(`{"allOf": [{"required": ["a"]}, {"not": {"const": {"$ref": "x"}}}], "unevaluatedProperties": false}`), []byte(`{}`))
	f.Add([]byte(`{"minimum": 2, "maximum": 1, "enum": [], "minContains": 2}`), []byte(`{"$ref": "x", "sha256": ""}`))
	f.Add([]byte(`{"multipleOf": 1e-300, "pattern": "(a{9}){9}", "format": "date-time"}`), []byte(`1e300`))
	f.Fuzz(func(t *testing.T, raw, params []byte) {
		schema, err := CompileSchema(raw)
		if err != nil {
			if !errors.Is(err, ErrSchema) || len(err.Error()) > 1100 {
				t.Fatalf("CompileSchema: %v", err)
			}
			return
		}
		if err := schema.Validate(claim); err != nil && !isFalse(schema.compiled) {
			t.Fatalf("a claim check: %v", err)
		}
		err = schema.Validate(params)
		if err != nil && (!errors.Is(err, ErrInvalid) || len(err.Error()) > 1100) {
			t.Fatalf("Validate: %v", err)
		}
	})
}
