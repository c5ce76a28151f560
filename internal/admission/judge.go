package admission

import (
	"context"
	"fmt"
	"slices"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
)

// Refusal is one thing that the API server would refuse an object for.
type Refusal struct {
	Field   string // its path, such as spec.steps[0].action.timeout; empty for the whole
	Message string
}

// Admit returns object, a JSON object, as the API server would store it, with defaults and without status, and all that it
// would refuse it for. Where it names no namespace, it stands in default.
func (r *Rules) Admit(ctx context.Context, object []byte) (map[string]any, []Refusal) {
	stored := &unstructured.Unstructured{}
	if err := json.Unmarshal(object, &stored.Object); err != nil { // whole numbers become integers, as in the API server
		return nil, []Refusal{{Message: err.Error()}}
	}
	of, ok := r.kinds[stored.GroupVersionKind()]
	if !ok {
		return stored.Object, []Refusal{{Field: "kind", Message: fmt.Sprintf("%s is none of ours", stored.GroupVersionKind())}}
	}
	refusals := of.decode(stored)
	defaulting.Default(stored.Object, of.structure)
	unstructured.RemoveNestedField(stored.Object, "status")
	inPlace(stored)
	for _, err := range of.validate(ctx, stored) {
		refusals = append(refusals, Refusal{Field: strings.TrimPrefix(err.Field, "<nil>"), Message: err.ErrorBody()})
	}
	return stored.Object, refusals
}

// decode removes what the schema does not know, and tells of it.
func (r rules) decode(object *unstructured.Unstructured) []Refusal {
	unknown := pruning.PruneWithOptions(object.Object, r.structure, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	defaulting.PruneNonNullableNullsWithoutDefaults(object.Object, r.structure)
	meta, found, inMeta, err := objectmeta.GetObjectMetaWithOptions(object.Object, objectmeta.ObjectMetaOptions{ReturnUnknownFieldPaths: true})
	var refusals []Refusal
	if err != nil {
		refusals = append(refusals, Refusal{Field: "metadata", Message: err.Error()})
	} else if found {
		if err := objectmeta.SetObjectMeta(object.Object, meta); err != nil {
			refusals = append(refusals, Refusal{Field: "metadata", Message: err.Error()})
		}
	}
	for _, path := range append(unknown, inMeta...) {
		refusals = append(refusals, Refusal{Field: path, Message: fmt.Sprintf("unknown field %q", path)})
	}
	return refusals
}

// inPlace gives an object what the API server would: a namespace, and a name where it is to be generated.
func inPlace(object *unstructured.Unstructured) {
	if object.GetNamespace() == "" {
		object.SetNamespace("default")
	}
	if object.GetName() == "" && object.GetGenerateName() != "" {
		object.SetName(object.GetGenerateName() + "00000")
	}
}

// validate asks what the API server asks when an object is created, in its order.
func (r rules) validate(ctx context.Context, object *unstructured.Unstructured) field.ErrorList {
	errs := apivalidation.ValidateObjectMetaAccessor(object, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	errs = append(errs, validation.ValidateCustomResource(nil, object.Object, r.schema)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, r.structure, object.Object)...)
	if tooLarge(errs) {
		return errs // what rules may cost is reckoned from the bounds
	}
	broken, _ := r.cel.Validate(ctx, nil, r.structure, object.Object, nil, celconfig.RuntimeCELCostBudget)
	if blocked(errs) {
		broken = apartFrom(errs, broken)
	}
	return append(errs, broken...)
}

// apartFrom returns the broken rules that read nothing of what has another form. The API server tries no rule until all has its form:
// these are what it would say next.
func apartFrom(wrong, broken field.ErrorList) field.ErrorList {
	return slices.DeleteFunc(broken, func(rule *field.Error) bool {
		return slices.ContainsFunc(wrong, func(form *field.Error) bool { return Holds(rule.Field, form.Field) })
	})
}

// Holds says whether a field is another one, or holds it. The whole, which has no path, holds all.
func Holds(holder, field string) bool {
	rest, ok := strings.CutPrefix(field, strings.TrimPrefix(holder, "<nil>"))
	return ok && (rest == "" || rest == field || rest[0] == '.' || rest[0] == '[')
}

func tooLarge(errs field.ErrorList) bool {
	return slices.ContainsFunc(errs, func(err *field.Error) bool {
		return err.Type == field.ErrorTypeTooLong || err.Type == field.ErrorTypeTooMany
	})
}

// blocked says whether rules may read what is of another form.
func blocked(errs field.ErrorList) bool {
	for _, err := range errs {
		switch err.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTypeInvalid:
			return true
		default:
		}
	}
	return false
}
