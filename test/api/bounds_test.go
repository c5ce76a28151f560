package api

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"
)

// examplesOf are the examples that between them have every field of a kind.
var examplesOf = map[string][]string{
	"Saga": {saga, sagaGraph, sagaByReference}, "SagaDefinition": {definition, graph}, "SagaParticipant": {participant}, "OrderWorkflow": {order},
	"SagaTrigger": {sagaTrigger, orderTrigger},
}

// bound is one limit of one field: what breaks it, what is just within it, and a part of the refusal.
type bound struct {
	name       string
	wrong      any
	right      any // nil where every example shows it already
	complaint  string
	fieldBelow string // where the complaint is about a member that is missing
}

// TestEveryBoundOfTheSchema tries a value beyond each bound that the schemas have, and one at the bound: it is generated
// from them, so that a new field is tried as well.
func TestEveryBoundOfTheSchema(t *testing.T) {
	for kind, root := range schemas(t) {
		t.Run(kind, func(t *testing.T) {
			s := newServer(t)
			examples := s.examples(kind)
			tried := 0
			walk(root, nil, func(n node) {
				if len(n.path) == 0 {
					return
				}
				for _, b := range boundsOf(n.schema) {
					tried++
					s.tryBound(examples, n, b)
				}
			})
			if tried < 10 {
				t.Errorf("only %d bounds were found", tried)
			}
		})
	}
}

// examples returns the kind's examples, stored, with the status that their files show.
func (s *server) examples(kind string) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	for _, name := range examplesOf[kind] {
		example := load(s.t, name)
		stored := s.create(example)
		if status, shown := example.Object["status"]; shown {
			stored.Object["status"] = status
			if err := s.tryStatus(stored); err != nil {
				s.t.Fatalf("the status of example %s is refused: %v", name, err)
			}
		}
		all = append(all, stored)
	}
	return all
}

func (s *server) tryBound(examples []*unstructured.Unstructured, n node, b bound) {
	where := strings.Join(n.path, ".") + " " + b.name
	for _, example := range examples {
		path, ok := locate(example.Object, n.path)
		if !ok {
			continue
		}
		field := fieldOf(path) + b.fieldBelow
		if got := s.tryValue(example, path, b.wrong); !complains(got, field, b.complaint) {
			s.t.Errorf("%s: %q is not refused with %q for it, but with %q", where, field, b.complaint, got)
		}
		if b.right == nil {
			return
		}
		if got := s.tryValue(example, path, b.right); complains(got, field, b.complaint) {
			s.t.Errorf("%s: a value at the bound is refused with %q", where, got)
		}
		return
	}
	s.t.Errorf("%s: no example has this field", where)
}

// tryValue puts a value into an example and returns why it is refused. A status is an update, all else is made anew.
func (s *server) tryValue(example *unstructured.Unstructured, path []string, value any) []string {
	object := example.DeepCopy()
	set(strings.Join(path, "/"), value)(object)
	if path[0] == "status" {
		return causes(s.tryStatus(object))
	}
	object.SetName("another")
	object.SetResourceVersion("")
	object.SetUID("")
	return causes(s.tryCreate(object))
}

func complains(refusals []string, field, complaint string) bool {
	return slices.ContainsFunc(refusals, func(r string) bool {
		return strings.HasPrefix(r, field+": ") && strings.Contains(r, complaint)
	})
}

// locate finds a place in an object that a schema's path leads to.
func locate(value any, path []string) (found []string, ok bool) {
	if len(path) == 0 {
		return nil, true
	}
	if items, isList := value.([]any); isList && path[0] == "*" {
		for i, item := range items {
			if rest, ok := locate(item, path[1:]); ok {
				return append([]string{strconv.Itoa(i)}, rest...), true
			}
		}
		return nil, false
	}
	object, isObject := value.(map[string]any)
	member, isThere := object[path[0]]
	if !isObject || !isThere {
		return nil, false
	}
	rest, ok := locate(member, path[1:])
	return append([]string{path[0]}, rest...), ok
}

// fieldOf writes a path as the API server does: spec.steps[0].name.
func fieldOf(path []string) string {
	var text strings.Builder
	for _, name := range path {
		if _, err := strconv.Atoi(name); err == nil {
			fmt.Fprintf(&text, "[%s]", name)
			continue
		}
		text.WriteString("." + name)
	}
	return strings.TrimPrefix(text.String(), ".")
}

func boundsOf(s apiextensionsv1.JSONSchemaProps) []bound {
	return slices.Concat(boundsOfText(s), boundsOfNumber(s), boundsOfList(s), requiredOf(s))
}

func boundsOfText(s apiextensionsv1.JSONSchemaProps) (all []bound) {
	if s.MaxLength != nil {
		limit := int(*s.MaxLength)
		all = append(all, bound{name: "maxLength", wrong: strings.Repeat("a", limit+1), right: textOf(limit, s.Pattern), complaint: "Too long"})
	}
	if s.MinLength != nil && *s.MinLength > 0 {
		all = append(all, bound{name: "minLength", wrong: "", complaint: fmt.Sprintf("should be at least %d chars long", *s.MinLength)})
	}
	if s.Pattern != "" {
		all = append(all, bound{name: "pattern", wrong: strings.Repeat("§", int(min(4, ptr.Deref(s.MaxLength, 4)))), complaint: "should match"})
	}
	if len(s.Enum) > 0 {
		all = append(all, bound{name: "enum", wrong: "Nonsense", complaint: "Unsupported value"})
	}
	return all
}

// textOf returns a text of n characters that fits the pattern, or nil where none of the usual ones does.
func textOf(n int, pattern string) any {
	for _, text := range []string{
		strings.Repeat("a", n), strings.Repeat("A", n), "a@" + strings.Repeat("a", max(n-2, 0)), largestAmount, "00010s00010s005s",
	} {
		if fits, err := regexp.MatchString(pattern, text); err == nil && fits && len(text) == n {
			return text
		}
	}
	return nil
}

func boundsOfNumber(s apiextensionsv1.JSONSchemaProps) (all []bound) {
	if s.Minimum != nil {
		all = append(all, bound{
			name: "minimum", wrong: int64(*s.Minimum) - 1, right: int64(*s.Minimum), complaint: "should be greater than or equal to",
		})
	}
	if s.Maximum != nil {
		all = append(all, bound{
			name: "maximum", wrong: int64(*s.Maximum) + 1, right: int64(*s.Maximum), complaint: "should be less than or equal to",
		})
	}
	return all
}

func boundsOfList(s apiextensionsv1.JSONSchemaProps) (all []bound) {
	if s.MaxItems != nil {
		limit := int(*s.MaxItems)
		all = append(all, bound{name: "maxItems", wrong: make([]any, limit+1), right: make([]any, limit), complaint: "Too many"})
	}
	if s.MinItems != nil && *s.MinItems > 0 {
		all = append(all, bound{name: "minItems", wrong: []any{}, complaint: fmt.Sprintf("should have at least %d items", *s.MinItems)})
	}
	return all
}

func requiredOf(s apiextensionsv1.JSONSchemaProps) (all []bound) {
	for _, name := range s.Required {
		all = append(all, bound{name: "required " + name, wrong: map[string]any{}, complaint: "Required value", fieldBelow: "." + name})
	}
	return all
}
