package manifests

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

func TestMain(m *testing.M) {
	crds, err := controlPlaneCRDs()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	ctrl.SetLogger(logr.Discard())
	controlplane.Main(m, controlplane.Options{CRDs: crds})
}

// The release and the namespace that config/ stands for.
const (
	release   = "saga-operator"
	namespace = "saga-system"
)

// root is the root of the source tree.
func root(t testing.TB) string {
	t.Helper()
	dir, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func chart(t testing.TB) string { return filepath.Join(root(t), "charts", "saga-operator") }

// run runs a program and returns what it prints; it fails the test where the program fails.
func run(t testing.TB, program string, args ...string) []byte {
	t.Helper()
	out, errOut, err := try(t, program, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, errOut)
	}
	return out
}

func try(t testing.TB, program string, args ...string) (out, errOut []byte, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = root(t), &stdout, &stderr
	err = cmd.Run()
	return stdout.Bytes(), stderr.Bytes(), err
}

// tool returns the path of a program in bin/, which it has make build where it is missing or old.
func tool(t testing.TB, name string) string {
	t.Helper()
	run(t, "make", "--silent", "bin/"+name)
	return filepath.Join(root(t), "bin", name)
}

// helm renders the chart for release and namespace; args are further arguments of helm template.
func helm(t testing.TB, args ...string) []unstructured.Unstructured {
	t.Helper()
	args = append([]string{"template", release, chart(t), "--namespace", namespace}, args...)
	return parse(t, run(t, tool(t, "helm"), args...))
}

// valuesFiles are the value sets that all checks run over, by name.
func valuesFiles(t testing.TB) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(chart(t), "ci", "*-values.yaml"))
	if err != nil || len(paths) < 3 {
		t.Fatalf("%d value sets in the chart's ci folder (%v); want at least 3", len(paths), err)
	}
	sets := map[string]string{}
	for _, path := range paths {
		sets[filepath.Base(path)] = path
	}
	return sets
}

// kustomize renders config/default with components of config/components.
func kustomize(t testing.TB, components ...string) []unstructured.Unstructured {
	t.Helper()
	folder := filepath.Join(root(t), "config", "default")
	if len(components) > 0 {
		folder = overlay(t, components)
	}
	bin, err := controlplane.BinDir(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, run(t, filepath.Join(bin, "kubectl"), "kustomize", folder))
}

// overlay makes a folder that adds the components.
func overlay(t testing.TB, components []string) string {
	t.Helper()
	folder, config := t.TempDir(), filepath.Join(root(t), "config")
	relative, err := filepath.Rel(folder, config)
	if err != nil {
		t.Fatal(err)
	}
	kustomization := map[string]any{"resources": []string{filepath.Join(relative, "default")}}
	var paths []string
	for _, component := range components {
		paths = append(paths, filepath.Join(relative, "components", component))
	}
	kustomization["components"] = paths
	raw, err := yaml.Marshal(kustomization)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "kustomization.yaml"), raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// parse reads YAML documents.
func parse(t testing.TB, raw []byte) []unstructured.Unstructured {
	t.Helper()
	var objects []unstructured.Unstructured
	for _, document := range bytes.Split(append([]byte("\n"), raw...), []byte("\n---")) {
		var o map[string]any
		if err := yaml.Unmarshal(document, &o); err != nil {
			t.Fatalf("%v in:\n%s", err, document)
		}
		if len(o) > 0 {
			objects = append(objects, unstructured.Unstructured{Object: o})
		}
	}
	if len(objects) == 0 {
		t.Fatal("nothing was rendered")
	}
	return objects
}

// rendered is everything that the checks run over: the chart with each value set, and kustomize with and without components.
func rendered(t testing.TB) map[string][]unstructured.Unstructured {
	t.Helper()
	all := map[string][]unstructured.Unstructured{
		"kustomize":                 kustomize(t),
		"kustomize with components": kustomize(t, "monitoring", "namespaced", "kafka-tls", "kafka-scram"),
	}
	for name, path := range valuesFiles(t) {
		all["helm with "+name] = helm(t, "--values", path)
	}
	return all
}

// id names an object.
func id(o unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}
