package gitops

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func script(t *testing.T, kind string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(customizations, kind, "health.lua"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestArgoHealthOfEveryPhase(t *testing.T) {
	overrides := lua.ResourceHealthOverrides(configMapOverrides(t)) // as Argo CD reads argocd-cm
	each(t, func(t *testing.T, _, _ string, object *unstructured.Unstructured, want verdict) {
		got, err := health.GetResourceHealth(object, overrides)
		if err != nil {
			t.Fatal(err)
		}
		if got == nil || got.Status != want.argo || got.Message == "" {
			t.Errorf("Argo CD says %+v; want %s with a message", got, want.argo)
		}
	})
}

// healthTests is health_test.yaml, as Argo CD's own repository has one beside each script.
type healthTests struct {
	Tests []healthTest `json:"tests"`
}

type healthTest struct {
	HealthStatus healthStatus `json:"healthStatus"`
	InputPath    string       `json:"inputPath"`
}

type healthStatus struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

// asUpstream runs the script on every kept object of a kind, as the tests of Argo CD's repository do.
func asUpstream(t *testing.T, kind string) healthTests {
	t.Helper()
	var tests healthTests
	for name := range wanted[kind] {
		path := "testdata/" + name + ".yaml"
		got, err := lua.VM{UseOpenLibs: true}.ExecuteHealthLua(load(t, filepath.Join(customizations, kind, path)), script(t, kind))
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		tests.Tests = append(tests.Tests, healthTest{healthStatus{string(got.Status), got.Message}, path})
	}
	slices.SortFunc(tests.Tests, func(a, b healthTest) int { return strings.Compare(a.InputPath, b.InputPath) })
	return tests
}

func TestHealthScriptsSayWhatTheirTestsSay(t *testing.T) {
	for kind := range wanted {
		text, err := yaml.Marshal(asUpstream(t, kind))
		if err != nil {
			t.Fatal(err)
		}
		keep(t, filepath.Join(customizations, kind, "health_test.yaml"), text)
	}
}

// keep compares a file with what it should hold, or writes it.
func keep(t *testing.T, file string, text []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, text) {
		t.Errorf("%s is not current (go test -update writes it); it should be:\n%s", file, text)
	}
}

func TestHealthOfWhatHasNoStatusAtAll(t *testing.T) {
	for kind := range wanted {
		object := load(t, filepath.Join(customizations, kind, "testdata", "new.yaml"))
		unstructured.RemoveNestedField(object.Object, "status")
		got, err := lua.VM{}.ExecuteHealthLua(object, script(t, kind))
		if err != nil || got.Status != health.HealthStatusProgressing {
			t.Errorf("%s: %+v, error %v", kind, got, err)
		}
	}
}
