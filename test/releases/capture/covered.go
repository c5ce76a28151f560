package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/test/releases"
)

// unreachable are the fields of a saga's status that no run of today fills.
var unreachable = []string{
	".steps[].compensation.expiryTime", // only forward commands expire
}

// covered says which fields of a saga's status are in no story: nothing would hold that later versions read them.
func covered(crds string, fixtures []*releases.Fixture) error {
	raw, err := os.ReadFile(filepath.Join(crds, "sagas.dev_sagas.yaml"))
	if err != nil {
		return err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.Unmarshal(raw, &crd); err != nil {
		return err
	}
	missing := map[string]bool{}
	for _, v := range crd.Spec.Versions {
		declared("", v.Schema.OpenAPIV3Schema.Properties["status"], missing)
	}
	for _, field := range unreachable {
		delete(missing, field)
	}
	for _, f := range fixtures {
		for _, o := range f.Stored {
			if o.GetKind() == "Saga" {
				found("", o.Object["status"], missing)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no story fills status%v: add one to stories.go", slices.Sorted(maps.Keys(missing)))
	}
	return nil
}

// declared collects the paths of all fields of a schema.
func declared(path string, schema apiextensionsv1.JSONSchemaProps, into map[string]bool) {
	for name, property := range schema.Properties {
		into[path+"."+name] = true
		declared(path+"."+name, property, into)
	}
	if schema.Items != nil && schema.Items.Schema != nil {
		declared(path+"[]", *schema.Items.Schema, into)
	}
}

// found takes the fields of a value out of those that are missing.
func found(path string, value any, missing map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			delete(missing, path+"."+name)
			found(path+"."+name, field, missing)
		}
	case []any:
		for _, item := range value {
			found(path+"[]", item, missing)
		}
	}
}
