package casetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sagas-dev/saga-operator/internal/expr"
)

// Smallest returns a small JSON value that a schema accepts: what is required and nothing else, with defaults, examples, constants
// and first choices where the schema has them. Its error says that it has found none: a pattern, say, cannot be guessed.
func Smallest(schema []byte) ([]byte, error) {
	compiled, err := expr.CompileSchema(schema)
	if err != nil {
		return nil, fmt.Errorf("compiling the schema: %w", err)
	}
	var tree any
	if err := json.Unmarshal(schema, &tree); err != nil {
		return nil, fmt.Errorf("reading the schema: %w", err)
	}
	value, err := json.Marshal(smallest(tree, "text", maxDepth))
	if err != nil {
		return nil, fmt.Errorf("writing a value: %w", err)
	}
	if err := compiled.Validate(value); err != nil {
		return nil, fmt.Errorf("no value that it accepts could be guessed: %s is refused: %w", value, err)
	}
	return value, nil
}

// maxDepth bounds how deep objects and lists may be nested.
const maxDepth = 32

// smallest is a value for the schema. name is what it is called where it stands: a text says it.
func smallest(schema any, name string, depth int) any {
	s, ok := schema.(map[string]any)
	if !ok || depth == 0 {
		return map[string]any{}
	}
	for _, key := range []string{"const", "default"} {
		if value, ok := s[key]; ok {
			return value
		}
	}
	for _, key := range []string{"enum", "examples"} {
		if values, ok := s[key].([]any); ok && len(values) > 0 {
			return values[0]
		}
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if choices, ok := s[key].([]any); ok && len(choices) > 0 && s["type"] == nil && s["properties"] == nil {
			return smallest(choices[0], name, depth-1)
		}
	}
	switch typeOf(s) {
	case "string":
		return text(s, name)
	case "integer", "number":
		return number(s)
	case "boolean":
		return false
	case "null":
		return nil
	case "array":
		list := make([]any, int(floatOr(s["minItems"], 0)))
		for i := range list {
			list[i] = smallest(s["items"], name, depth-1)
		}
		return list
	}
	return object(s, depth)
}

func typeOf(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		if len(t) > 0 {
			first, _ := t[0].(string)
			return first
		}
	}
	return "object"
}

func object(s map[string]any, depth int) map[string]any {
	value := map[string]any{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for _, r := range required {
		if name, ok := r.(string); ok {
			value[name] = smallest(properties[name], name, depth-1)
		}
	}
	return value
}

// formats are examples of the formats that services use.
var formats = map[string]string{
	"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "time": "00:00:00Z", "email": "someone@example.com",
	"uri": "https://example.com/", "uuid": "00000000-0000-4000-8000-000000000000", "ipv4": "192.0.2.1", "hostname": "example.com",
}

func text(s map[string]any, name string) string {
	format, _ := s["format"].(string)
	value := cmp.Or(formats[format], name)
	if most := int(floatOr(s["maxLength"], float64(len(value)))); most < len(value) {
		value = value[:max(most, 0)]
	}
	if missing := int(floatOr(s["minLength"], 0)) - len(value); missing > 0 {
		value += strings.Repeat("x", min(missing, 1<<14))
	}
	return value
}

func number(s map[string]any) float64 {
	if above, ok := s["exclusiveMinimum"].(float64); ok {
		return above + 1
	}
	value := floatOr(s["minimum"], 0)
	if most, ok := s["maximum"].(float64); ok && most < value {
		return most
	}
	return value
}

func floatOr(value any, or float64) float64 {
	if f, ok := value.(float64); ok {
		return f
	}
	return or
}
