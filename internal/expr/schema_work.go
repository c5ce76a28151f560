package expr

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A small schema can ask for endless work: anyOf of two references to an anyOf of two references, thirty times. So
// the work along one path through the parameters, from the document to a leaf, is counted beforehand: one for each
// subschema that may be tried at each level. Siblings are no product, they are as many as the parameters hold.

// checkWork refuses schemas beyond maxSchemaWork.
func checkWork(root *jsonschema.Schema) error {
	w := &worker{known: map[workKey]int{}}
	if work := w.work(root, maxSchemaDepth); work > maxSchemaWork {
		return fmt.Errorf("it is too complex: more than %d subschemas may apply to one value: use fewer alternatives and references", maxSchemaWork)
	}
	return w.err
}

type workKey struct {
	schema *jsonschema.Schema
	depth  int
}

type worker struct {
	known map[workKey]int
	err   error
}

// work counts the subschemas that s tries, on a value with at most depth levels below it.
func (w *worker) work(s *jsonschema.Schema, depth int) int {
	if s == nil || depth < 0 {
		return 0
	}
	key := workKey{s, depth}
	if known, ok := w.known[key]; ok {
		return known
	}
	w.known[key] = 0 // a reference back to s on the same value: the library reports it
	if s.DynamicRef != nil || s.RecursiveRef != nil {
		w.err = errors.New("$dynamicRef is not supported: use $ref")
	}
	total := 1
	for _, sub := range here(s) {
		total = min(total+w.work(sub, depth), maxSchemaWork+1)
	}
	total = min(total+w.below(s, depth-1), maxSchemaWork+1)
	w.known[key] = total
	return total
}

// here returns the subschemas that judge the same value as s.
func here(s *jsonschema.Schema) []*jsonschema.Schema {
	subs := []*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else}
	subs = append(subs, s.AllOf...)
	subs = append(subs, s.AnyOf...)
	subs = append(subs, s.OneOf...)
	for _, sub := range s.DependentSchemas {
		subs = append(subs, sub)
	}
	for _, dependency := range s.Dependencies {
		if sub, ok := dependency.(*jsonschema.Schema); ok {
			subs = append(subs, sub)
		}
	}
	return subs
}

// inside returns the subschemas that judge a part of the value that s judges, or the name of one.
func inside(s *jsonschema.Schema) []*jsonschema.Schema {
	additional, _ := s.AdditionalProperties.(*jsonschema.Schema)
	subs := []*jsonschema.Schema{additional, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems}
	subs = append(subs, s.PrefixItems...)
	for _, sub := range s.Properties {
		subs = append(subs, sub)
	}
	for _, sub := range s.PatternProperties {
		subs = append(subs, sub)
	}
	return subs
}

// everySchema returns root and all schemas that it is made of, each once, in the order of their places.
func everySchema(root *jsonschema.Schema) []*jsonschema.Schema {
	seen := map[*jsonschema.Schema]bool{root: true}
	all := []*jsonschema.Schema{root}
	for i := 0; i < len(all); i++ {
		for _, sub := range append(here(all[i]), inside(all[i])...) {
			if sub != nil && !seen[sub] {
				seen[sub] = true
				all = append(all, sub)
			}
		}
	}
	slices.SortFunc(all, byPlace)
	return all
}

func byPlace(a, b *jsonschema.Schema) int { return strings.Compare(a.Location, b.Location) }

// below counts what s tries on one of the value's children: one of its named members or positions, and all of those
// that are not bound to a name.
func (w *worker) below(s *jsonschema.Schema, depth int) int {
	named := 0
	for _, sub := range s.Properties {
		named = max(named, w.work(sub, depth))
	}
	for _, sub := range s.PrefixItems {
		named = max(named, w.work(sub, depth))
	}
	total := named
	additional, _ := s.AdditionalProperties.(*jsonschema.Schema)
	for _, sub := range []*jsonschema.Schema{additional, s.PropertyNames, s.UnevaluatedProperties, s.Contains, s.Items2020, s.UnevaluatedItems} {
		total = min(total+w.work(sub, depth), maxSchemaWork+1)
	}
	for _, sub := range s.PatternProperties {
		total = min(total+w.work(sub, depth), maxSchemaWork+1)
	}
	return total
}
