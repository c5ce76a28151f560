package applied

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// over lays values over others, map by map, as Helm does.
func over(below, above map[string]any) map[string]any {
	merged := maps.Clone(below)
	for key, value := range above {
		lower, isMap := merged[key].(map[string]any)
		upper, stillMap := value.(map[string]any)
		if isMap && stillMap {
			value = over(lower, upper)
		}
		merged[key] = value
	}
	return merged
}

func TestTheChartTakesTheValuesOfTheExamples(t *testing.T) {
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	chart := filepath.Join(root, "charts/saga-operator")
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(chart, "values.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	defaults := objectsIn(t, filepath.Join(chart, "values.yaml"))[0].Object
	for kind, path := range map[string][]string{
		"Application": {"spec", "source", "helm", "valuesObject"},
		"HelmRelease": {"spec", "values"},
	} {
		checked := 0
		for _, manifest := range manifests(t, "examples/gitops/argocd/apps", "examples/gitops/flux/operator") {
			values, found, err := unstructured.NestedMap(manifest.Object, path...)
			if err != nil || !found || manifest.GetKind() != kind {
				continue
			}
			checked++
			if err := schema.Validate(over(defaults, values)); err != nil {
				t.Errorf("%s %s: %v", kind, manifest.GetName(), err)
			}
		}
		if checked != 1 {
			t.Errorf("%d times values in a %s", checked, kind)
		}
	}
	if err := schema.Validate(over(defaults, map[string]any{"kafka": map[string]any{"borkers": []any{"a:9092"}}})); err == nil {
		t.Error("the schema takes a value that does not exist")
	}
}
