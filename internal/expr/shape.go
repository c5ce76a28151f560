package expr

import (
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Shapes are what is known, before there are any, of the values that expressions read.
type Shapes struct {
	Params  *Schema           // nil: any object
	Outputs map[string]Output // by the name of the step; one that is absent may be any object
}

// Output is what is known of the output of a step.
type Output struct {
	Schema *Schema  // nil: any object
	Kept   []string // the fields that are kept of it; nil: all
}

// With returns a compiler that also refuses to read, other than optionally, a field that shapes leaves no room for. What it
// compiles is evaluated just as what c compiles.
func (c *Compiler) With(shapes Shapes) *Compiler {
	other := *c
	other.shapes = shapes
	return &other
}

const maxShapeWork = 64 // schemas and patterns that are looked at to know one value

// shape is what is known of one value: it matches all of the schemas.
type shape []*jsonschema.Schema

func (s *Schema) shape() shape {
	if s == nil || s.compiled == nil {
		return nil
	}
	return shape{s.compiled}
}

// forbids says why no value has a field of that name, or nothing. A claim check may stand for any value, with its own fields.
func (s shape) forbids(name string) string {
	if slices.Contains(claimCheck.Required, name) {
		return ""
	}
	for _, schema := range s.all() {
		if types := schema.Types; types != nil && !slices.Contains(types.ToStrings(), "object") {
			return "its schema says that it is of type " + strings.Join(types.ToStrings(), " or ")
		}
		if forbiddenBy(schema, name) != "" {
			return "its schema declares " + listed(declared(schema))
		}
	}
	return ""
}

// declared returns the names of the fields that s allows, in order.
func declared(s *jsonschema.Schema) []string {
	return slices.DeleteFunc(sortedKeys(s.Properties), func(name string) bool { return isFalse(s.Properties[name]) })
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return clip(strings.Join(names, ", "), 200)
}

// member returns the shape of a field.
func (s shape) member(name string) shape {
	var known shape
	for _, schema := range s.all() {
		sub, isDeclared := schema.Properties[name]
		if isDeclared {
			known = append(known, sub)
		}
		for pattern, sub := range schema.PatternProperties {
			if pattern.MatchString(name) {
				known, isDeclared = append(known, sub), true
			}
		}
		if additional, ok := schema.AdditionalProperties.(*jsonschema.Schema); ok && !isDeclared {
			known = append(known, additional)
		}
	}
	return known
}

// element returns the shape of an item whose place is not known.
func (s shape) element() shape {
	var known shape
	for _, schema := range s.all() {
		if schema.Items2020 != nil && len(schema.PrefixItems) == 0 {
			known = append(known, schema.Items2020)
		}
	}
	return known
}

// all returns the schemas of the shape and those that they refer to, each once, in the order of their places. Beyond
// maxShapeWork some are left out: then less is known of the value.
func (s shape) all() []*jsonschema.Schema {
	var all []*jsonschema.Schema
	work := 0
	for queue := slices.Clone(s); len(queue) > 0; queue = queue[1:] {
		if queue[0] == nil {
			continue
		}
		schema := askedOf(queue[0])
		if work += 1 + len(schema.PatternProperties); work > maxShapeWork {
			break
		}
		if !slices.Contains(all, schema) {
			all = append(all, schema)
			queue = append(append(queue, schema.Ref), schema.AllOf...)
		}
	}
	slices.SortFunc(all, byPlace)
	return all
}
