// Package admission judges objects as the API server does when they are created: it decodes strictly, sets defaults, and asks
// the schemas and CEL rules of the resource definitions. It runs the API server's own code on the definitions that this
// version installs, so its messages are those of kubectl; it needs no API server.
package admission

import (
	"fmt"
	"io/fs"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/config/crd"
)

// Rules are what the API server asks of our resources. They are safe for concurrent use.
type Rules struct {
	kinds map[schema.GroupVersionKind]rules
}

// rules are those of one kind.
type rules struct {
	structure *structuralschema.Structural
	schema    validation.SchemaValidator
	cel       *cel.Validator
}

// New compiles the rules of the resource definitions that this version installs, which takes a moment.
func New() (*Rules, error) {
	files, err := fs.Glob(crd.Bases, "bases/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("looking for resource definitions: %w", err)
	}
	all := &Rules{kinds: map[schema.GroupVersionKind]rules{}}
	for _, file := range files {
		if err := all.add(file); err != nil {
			return nil, fmt.Errorf("compiling %s: %w", file, err)
		}
	}
	return all, nil
}

// Knows says whether objects of this kind can be judged.
func (r *Rules) Knows(kind schema.GroupVersionKind) bool {
	_, ok := r.kinds[kind]
	return ok
}

func (r *Rules) add(file string) error {
	raw, err := fs.ReadFile(crd.Bases, file)
	if err != nil {
		return err
	}
	definition := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(raw, definition); err != nil {
		return err
	}
	for _, version := range definition.Spec.Versions {
		compiled, err := compile(version.Schema)
		if err != nil {
			return fmt.Errorf("version %s: %w", version.Name, err)
		}
		r.kinds[schema.GroupVersionKind{Group: definition.Spec.Group, Version: version.Name, Kind: definition.Spec.Names.Kind}] = compiled
	}
	return nil
}

func compile(written *apiextensionsv1.CustomResourceValidation) (rules, error) {
	internal := &apiextensions.CustomResourceValidation{}
	if err := apiextensionsv1.Convert_v1_CustomResourceValidation_To_apiextensions_CustomResourceValidation(written, internal, nil); err != nil {
		return rules{}, err
	}
	structure, err := structuralschema.NewStructural(internal.OpenAPIV3Schema)
	if err != nil {
		return rules{}, err
	}
	validator, _, err := validation.NewSchemaValidator(internal.OpenAPIV3Schema)
	if err != nil {
		return rules{}, err
	}
	return rules{structure: structure, schema: validator, cel: cel.NewValidator(structure, true, celconfig.PerCallLimit)}, nil
}
