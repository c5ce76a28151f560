package gitops

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	fluxkustomize "github.com/fluxcd/pkg/kustomize"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/provider"
	"sigs.k8s.io/kustomize/api/resource"
)

const substitute = "kustomize.toolkit.fluxcd.io/substitute"

// withExpressions are the manifests that users keep in Git with ${…} in them.
var withExpressions = []string{"config/samples", "examples/gitops/tenants/shop", "examples/gitops/runs"}

// substituting is a Flux Kustomization that replaces variables.
func substituting() unstructured.Unstructured {
	return unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
		"metadata": map[string]any{"name": "shop", "namespace": "flux-system"},
		"spec":     map[string]any{"postBuild": map[string]any{"substitute": map[string]any{"cluster": "production", "params": "gone"}}},
	}}
}

// substituted is what Flux makes of a manifest: it is the same where Flux leaves it alone.
func substituted(t *testing.T, manifest []byte) (*resource.Resource, error) {
	t.Helper()
	factory := provider.NewDefaultDepProvider().GetResourceFactory()
	before, err := factory.FromBytes(manifest)
	if err != nil {
		t.Fatal(err)
	}
	after, err := fluxkustomize.SubstituteVariables(t.Context(), nil, substituting(), before.DeepCopy(),
		fluxkustomize.SubstituteWithDryRun(true), fluxkustomize.SubstituteWithAlways(true))
	if err != nil {
		return nil, err
	}
	if after == nil {
		return before, nil // left alone
	}
	return after, nil
}

// eachWithExpressions calls test for every manifest that has ${…} in it, and fails where there is none.
func eachWithExpressions(t *testing.T, test func(t *testing.T, manifest []byte)) {
	t.Helper()
	found := 0
	for _, dir := range withExpressions {
		files, err := filepath.Glob(filepath.Join("../..", dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no manifests in %s (%v)", dir, err)
		}
		for _, file := range files {
			for _, document := range documents(t, file) {
				if !strings.Contains(asJSON(t, parse(t, document)), "${") {
					continue
				}
				found++
				t.Run(file, func(t *testing.T) { test(t, document) })
			}
		}
	}
	if found < 2 {
		t.Errorf("only %d manifests have expressions", found)
	}
}

func TestSamplesSurviveFluxsSubstitution(t *testing.T) {
	eachWithExpressions(t, func(t *testing.T, manifest []byte) {
		after, err := substituted(t, manifest)
		if err != nil {
			t.Fatal(err)
		}
		text, err := after.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if got, want := compact(t, text), asJSON(t, parse(t, manifest)); got != want {
			t.Errorf("Flux makes\n%s\nof\n%s", got, want)
		}
	})
}

func TestWithoutTheAnnotationFluxBreaksThem(t *testing.T) {
	eachWithExpressions(t, func(t *testing.T, manifest []byte) {
		object := parse(t, manifest)
		annotations := object.GetAnnotations()
		if annotations[substitute] != fluxkustomize.DisabledValue {
			t.Fatal("it has expressions and not the annotation")
		}
		delete(annotations, substitute)
		object.SetAnnotations(annotations)
		after, err := substituted(t, []byte(asJSON(t, object)))
		if err != nil {
			return // broken enough
		}
		text, err := after.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if compact(t, text) == asJSON(t, object) {
			t.Error("nothing happens to it: the test above would not notice either")
		}
	})
}

func compact(t *testing.T, text []byte) string {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(again)
}
