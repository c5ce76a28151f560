package controllers

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// The objects that the health checks of Git tools are tested with are written here, by the reconcilers on a real API server,
// so that they cannot drift from what the manager writes: go test ./controllers -run TestObjectsOfGitTools -update
var update = flag.Bool("update", false, "write the golden objects anew")

// goldenDir is where Argo CD's own repository would have them.
const goldenDir = "../config/argocd/resource_customizations/sagas.dev"

// golden compares an object, as the API server has it, with the one that is kept under this name.
func golden(t *testing.T, api client.Client, key types.NamespacedName, kind, name string) {
	t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind))
	if err := api.Get(t.Context(), key, object); err != nil {
		t.Fatal(err)
	}
	text := steady(t, object)
	file := filepath.Join(goldenDir, kind, "testdata", name+".yaml")
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./controllers -run TestObjectsOfGitTools -update)", err)
	}
	if string(want) != string(text) {
		t.Errorf("%s is no longer what the manager writes (-update writes it anew); now:\n%s", file, text)
	}
}

// What differs from run to run, and says nothing about health.
var unsteady = []struct {
	pattern *regexp.Regexp
	instead string
}{
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "6f1b2c9e-8d54-4f0a-9c3e-2b7a5d1e4f60"},
	{regexp.MustCompile(`sha256:[0-9a-f]{32}`), "sha256:9f86d081884c7d659a2feaa0c55ad015"},
	{regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9:]{8}Z`), "2026-11-22T12:00:00Z"},
	{regexp.MustCompile(`\btest-[a-z0-9]{5}\b`), "shop"},
}

// steady writes the object as YAML, without what differs from run to run.
func steady(t *testing.T, object *unstructured.Unstructured) []byte {
	t.Helper()
	object.SetManagedFields(nil)
	object.SetResourceVersion("1")
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range unsteady {
		text = u.pattern.ReplaceAll(text, []byte(u.instead))
	}
	return text
}
