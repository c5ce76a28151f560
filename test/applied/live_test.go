package applied

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

var update = flag.Bool("update", false, "write the live objects of test/gitops anew")

// keepLive compares a live object, as it is after the whole run and without its status, with the one that test/gitops reads, so
// that Argo CD's diff is tested with what the API server and the manager really make of a manifest.
func keepLive(t *testing.T, live *unstructured.Unstructured) {
	t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	kept := live.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp"} {
		unstructured.RemoveNestedField(kept.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(kept.Object, "status")
	text, err := yaml.Marshal(kept)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "test/gitops/testdata/live", strings.ToLower(live.GetKind())+"-"+live.GetName()+".yaml")
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
		t.Fatalf("%v (go test ./test/applied -update)", err)
	}
	if string(want) != string(text) {
		t.Errorf("%s is no longer what is there after a run (-update writes it anew); now:\n%s", file, text)
	}
}
