package gitops

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// inGit are the manifests of directories, by "kind-name".
func inGit(t *testing.T, dirs ...string) map[string]*unstructured.Unstructured {
	t.Helper()
	all := map[string]*unstructured.Unstructured{}
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join("../..", dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no manifests in %s (%v)", dir, err)
		}
		for _, file := range files {
			for _, document := range documents(t, file) {
				object := parse(t, document)
				all[strings.ToLower(object.GetKind())+"-"+object.GetName()] = object
			}
		}
	}
	return all
}

// documents are the YAML documents of a file, as they stand there.
func documents(t *testing.T, file string) [][]byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(text, []byte("\n---\n"))
}

// compared is a live object, as it was after a whole run, and what Git holds of it, as Argo CD compares them.
func compared(t *testing.T, file string) (config, live *unstructured.Unstructured) {
	t.Helper()
	live = load(t, file)
	name := strings.TrimSuffix(filepath.Base(file), ".yaml")
	config = inGit(t, "config/samples")[name]
	if config == nil { // not a sample: what was applied stands in the annotation
		config = parse(t, []byte(live.GetAnnotations()["kubectl.kubernetes.io/last-applied-configuration"]))
	}
	config.SetNamespace(live.GetNamespace())
	return config, live
}

func liveFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/live/*.yaml")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d live objects (%v): go test ./test/applied -update", len(files), err)
	}
	return files
}

func TestArgoCDSeesNoDifferenceAfterAWholeRun(t *testing.T) {
	for _, file := range liveFiles(t) {
		for how, forget := range map[string]bool{"applied by Argo CD": false, "server-side, without the annotation": true} {
			t.Run(filepath.Base(file)+", "+how, func(t *testing.T) {
				config, live := compared(t, file)
				if forget {
					unstructured.RemoveNestedField(live.Object, "metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration")
				}
				result, err := diff.Diff(config, live)
				if err != nil {
					t.Fatal(err)
				}
				if result.Modified {
					t.Errorf("Argo CD would show it out of sync: live\n%s\npredicted\n%s", result.NormalizedLive, result.PredictedLive)
				}
			})
		}
	}
}

func TestArgoCDSeesADifferenceWhereThereIsOne(t *testing.T) {
	config, live := compared(t, "testdata/live/sagadefinition-order-fulfilment.yaml")
	if err := unstructured.SetNestedField(config.Object, "16m", "spec", "deadline"); err != nil {
		t.Fatal(err)
	}
	result, err := diff.Diff(config, live)
	if err != nil || !result.Modified {
		t.Fatalf("another deadline is no difference: %+v, error %v", result, err)
	}
}
