package applied

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// manifests are the objects in the YAML files of directories below the repository's root, in order. Kustomizations and what
// belongs to Argo CD or Flux are left out; test/gitops looks at those.
func manifests(t *testing.T, dirs ...string) []*unstructured.Unstructured {
	t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	var all []*unstructured.Unstructured
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(root, dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no manifests in %s (%v)", dir, err)
		}
		for _, file := range files {
			all = append(all, objectsIn(t, file)...)
		}
	}
	return all
}

func objectsIn(t *testing.T, file string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if object.Object != nil && !strings.HasPrefix(object.GetAPIVersion(), "kustomize.config.k8s.io/") {
			objects = append(objects, object)
		}
	}
}

// ours are those of the group sagas.dev.
func ours(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var kept []*unstructured.Unstructured
	for _, object := range objects {
		if object.GroupVersionKind().Group == "sagas.dev" {
			kept = append(kept, object)
		}
	}
	return kept
}
