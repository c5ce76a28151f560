package admission

import (
	"regexp"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// segment is one part of a field's path: a name, or an index in brackets.
var segment = regexp.MustCompile(`\[[^\]]*\]|[^.\[\]]+`)

// At returns the schema of a field, such as spec.steps[0].action, of objects of a kind; nil where there is none.
func (r *Rules) At(kind schema.GroupVersionKind, field string) *structuralschema.Structural {
	at := r.kinds[kind].structure
	for _, name := range segment.FindAllString(field, -1) {
		switch {
		case at == nil:
			return nil
		case name[0] == '[' && at.Items != nil:
			at = at.Items
		default:
			property, ok := at.Properties[name]
			if !ok {
				return nil
			}
			at = &property
		}
	}
	return at
}
