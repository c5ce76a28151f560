package sample

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sagas-dev/saga-operator/internal/expr"
)

// ErrNoSample says that no value could be made that a schema takes.
var ErrNoSample = errors.New("no sample value can be made")

// maxDepth bounds schemas that refer to themselves.
const maxDepth = 32

// Value returns the least JSON object that a JSON Schema takes: what is required, the first of an enum, the smallest
// number, the shortest text. Its error is ErrNoSample, with what the schema says against the best attempt.
func Value(schema []byte) ([]byte, error) {
	var root any
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSample, err)
	}
	value := maker{root: root}.of(root, maxDepth)
	if _, ok := value.(map[string]any); !ok {
		value = map[string]any{}
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSample, err)
	}
	compiled, err := expr.CompileSchema(schema)
	if err != nil {
		return nil, err
	}
	if err := compiled.Validate(raw); err != nil {
		return nil, fmt.Errorf("%w: of %s: %w", ErrNoSample, raw, err)
	}
	return raw, nil
}

// maker makes values by one document.
type maker struct{ root any }

type schema = map[string]any

// of returns a value for a schema, which may be true or false, too.
func (m maker) of(s any, depth int) any {
	object, ok := s.(schema)
	if !ok || depth == 0 {
		return map[string]any{}
	}
	object = m.merged(object, depth)
	for _, key := range []string{"const", "default"} {
		if v, ok := object[key]; ok {
			return v
		}
	}
	for _, key := range []string{"enum", "examples"} {
		if list, ok := object[key].([]any); ok && len(list) > 0 {
			return list[0]
		}
	}
	return m.ofType(typeOf(object), object, depth)
}

// merged follows $ref, and takes in all of allOf and the first of anyOf and oneOf.
func (m maker) merged(s schema, depth int) schema {
	parts := []any{}
	if ref, ok := s["$ref"].(string); ok {
		parts = append(parts, m.resolve(ref))
	}
	if all, ok := s["allOf"].([]any); ok {
		parts = append(parts, all...)
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		if list, ok := s[key].([]any); ok && len(list) > 0 {
			parts = append(parts, list[0])
		}
	}
	if len(parts) == 0 {
		return s
	}
	sum := schema{}
	for _, part := range parts {
		own, ok := part.(schema)
		if ok && depth > 0 {
			own = m.merged(own, depth-1)
		}
		add(sum, own)
	}
	add(sum, s)
	return sum
}

func add(sum, s schema) {
	for k, v := range s {
		sum[k] = joined(sum[k], v)
	}
}

// joined adds lists of names and maps of properties up; of everything else the later counts.
func joined(a, b any) any {
	switch b := b.(type) {
	case []any:
		if list, ok := a.([]any); ok {
			return append(slices.Clone(list), b...)
		}
	case schema:
		if object, ok := a.(schema); ok {
			sum := schema{}
			for _, from := range []schema{object, b} {
				for k, v := range from {
					sum[k] = v
				}
			}
			return sum
		}
	}
	return b
}

// resolve follows a reference within the document, such as #/$defs/address.
func (m maker) resolve(ref string) any {
	at := m.root
	for _, name := range strings.Split(strings.TrimPrefix(ref, "#"), "/")[1:] {
		object, ok := at.(schema)
		if !ok {
			return nil
		}
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return at
}

func typeOf(s schema) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		if len(t) > 0 {
			name, _ := t[0].(string)
			return name
		}
	}
	for _, hint := range []struct{ key, name string }{
		{"properties", "object"}, {"required", "object"}, {"items", "array"}, {"minItems", "array"}, {"minimum", "number"}, {"maximum", "number"},
		{"pattern", "string"}, {"minLength", "string"}, {"format", "string"},
	} {
		if _, ok := s[hint.key]; ok {
			return hint.name
		}
	}
	return "string"
}

func (m maker) ofType(name string, s schema, depth int) any {
	switch name {
	case "object":
		return m.object(s, depth)
	case "array":
		return m.array(s, depth)
	case "boolean":
		return true
	case "null":
		return nil
	case "integer", "number":
		return number(s, name == "integer")
	}
	return text(s)
}

func (m maker) object(s schema, depth int) any {
	object := map[string]any{}
	properties, _ := s["properties"].(schema)
	required, _ := s["required"].([]any)
	for _, r := range required {
		name, ok := r.(string)
		if !ok {
			continue
		}
		if p, ok := properties[name]; ok {
			object[name] = m.of(p, depth-1)
		} else {
			object[name] = name
		}
	}
	return object
}

func (m maker) array(s schema, depth int) any {
	list := []any{}
	prefix, _ := s["prefixItems"].([]any)
	least, _ := s["minItems"].(float64)
	for i := range int(min(least, 1000)) {
		if i < len(prefix) {
			list = append(list, m.of(prefix[i], depth-1))
		} else {
			list = append(list, m.of(s["items"], depth-1))
		}
	}
	return list
}

func number(s schema, whole bool) any {
	value := 1.0
	if least, ok := s["minimum"].(float64); ok {
		value = max(value, least)
	}
	if below, ok := s["exclusiveMinimum"].(float64); ok && value <= below {
		value = math.Floor(below) + 1
	}
	if most, ok := s["maximum"].(float64); ok {
		value = min(value, most)
	}
	if above, ok := s["exclusiveMaximum"].(float64); ok && value >= above {
		value = math.Ceil(above) - 1
	}
	if unit, ok := s["multipleOf"].(float64); ok && unit > 0 {
		value = math.Ceil(value/unit) * unit
	}
	if whole {
		value = math.Ceil(value)
	}
	return value
}
