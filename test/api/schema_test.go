package api

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// node is one place in a schema. In its path "*" stands for any item of a list.
type node struct {
	path     []string
	schema   apiextensionsv1.JSONSchemaProps
	required bool
}

// schemas are the generated schemas by kind.
func schemas(t testing.TB) map[string]apiextensionsv1.JSONSchemaProps {
	t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "config", "crd", "bases", "*.yaml"))
	if err != nil || len(files) != len(resources) {
		t.Fatalf("%d files of CRDs, %v; want %d", len(files), err, len(resources))
	}
	all := map[string]apiextensionsv1.JSONSchemaProps{}
	for _, file := range files {
		crd := apiextensionsv1.CustomResourceDefinition{}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal(text, &crd); err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		all[crd.Spec.Names.Kind] = *crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	return all
}

// walk visits a schema and all below it, but for what is Kubernetes' own.
func walk(schema apiextensionsv1.JSONSchemaProps, path []string, visit func(node)) {
	visitAll(node{path: path, schema: schema}, visit)
}

func visitAll(n node, visit func(node)) {
	visit(n)
	if n.schema.Items != nil && n.schema.Items.Schema != nil {
		visitAll(node{path: append(slices.Clone(n.path), "*"), schema: *n.schema.Items.Schema}, visit)
	}
	for _, name := range slices.Sorted(maps.Keys(n.schema.Properties)) {
		if len(n.path) == 0 && (name == "apiVersion" || name == "kind" || name == "metadata") {
			continue
		}
		visitAll(node{
			path: append(slices.Clone(n.path), name), schema: n.schema.Properties[name],
			required: slices.Contains(n.schema.Required, name),
		}, visit)
	}
}

// TestEveryFieldIsBoundedAndDescribed holds the promise that nothing in a resource can grow without limit, and that
// kubectl explain has something to say about each field.
func TestEveryFieldIsBoundedAndDescribed(t *testing.T) {
	for kind, root := range schemas(t) {
		walk(root, nil, func(n node) {
			if missing := missingFrom(n); missing != "" {
				t.Errorf("%s %v: no %s", kind, n.path, missing)
			}
		})
	}
}

// missingFrom says what a node lacks, or "".
func missingFrom(n node) string {
	s := n.schema
	isItem := len(n.path) > 0 && n.path[len(n.path)-1] == "*"
	switch {
	case s.Description == "" && !isItem && len(n.path) > 0:
		return "description"
	case s.Type == "string" && s.MaxLength == nil && len(s.Enum) == 0 && s.Format != "date-time":
		return "maxLength"
	case s.Type == "array" && (s.MaxItems == nil || s.XListType == nil):
		return "maxItems, or no list type"
	case s.AdditionalProperties != nil && s.MaxProperties == nil:
		return "maxProperties"
	case s.Type == "number":
		return "reason to be a floating-point number"
	}
	return ""
}
