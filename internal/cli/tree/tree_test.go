package tree

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden trees anew")

func load(t *testing.T, name string) *v1alpha1.Saga {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	saga := &v1alpha1.Saga{}
	if err := yaml.UnmarshalStrict(raw, saga); err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	return saga
}

func draw(t *testing.T, saga *v1alpha1.Saga, colour bool) string {
	t.Helper()
	var out bytes.Buffer
	if err := Draw(&out, saga, saga.Spec.Definition, colour); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTreesAreDrawnAsTheGoldenFilesShow(t *testing.T) {
	for _, name := range []string{"sequence", "graph", "unknown"} {
		t.Run(name, func(t *testing.T) {
			got := draw(t, load(t, name), false)
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestColoursChangeNothingButTheColour(t *testing.T) {
	saga := load(t, "graph")
	coloured := draw(t, saga, true)
	if !strings.Contains(coloured, green+"Succeeded"+plain) || !strings.Contains(coloured, yellow+"Running"+plain) {
		t.Errorf("states have no colours:\n%s", coloured)
	}
	stripped := strings.NewReplacer(red, "", green, "", yellow, "", grey, "", plain, "").Replace(coloured)
	if diff := cmp.Diff(draw(t, saga, false), stripped); diff != "" {
		t.Errorf("-plain +coloured:\n%s", diff)
	}
}

func TestASagaThatHasNotStartedShowsWhatItWillDo(t *testing.T) {
	saga := load(t, "sequence")
	saga.Status = v1alpha1.SagaStatus{}
	got := draw(t, saga, false)
	if strings.Count(got, string(v1alpha1.StepNotStarted)) != 4 || !strings.HasPrefix(got, "Saga shop/order-1: Pending\n") {
		t.Errorf("it shows\n%s", got)
	}
}
