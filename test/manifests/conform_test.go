package manifests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

func TestKubeconformTakesEverything(t *testing.T) {
	for set, objects := range rendered(t) {
		out, err := conform(t, writeSchemas(t, objects), objects)
		if err != nil || !strings.Contains(out, "Skipped: 0") {
			t.Errorf("%s: %v\n%s", set, err, out)
		}
	}
}

func TestKubeconformRefusesWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"an unknown field":   {`{apiVersion: v1, kind: Service, metadata: {name: x}, spec: {port: 1}}`, "additional properties 'port' not allowed"},
		"a wrong type":       {`{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {replicas: two}}`, "got string, want integer"},
		"a missing field":    {`{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}, spec: {}}`, "missing properties"},
		"a resource of ours": {`{apiVersion: sagas.dev/v1alpha1, kind: Saga, metadata: {name: x}, spec: {definition: {step: []}}}`, "'step'"},
	} {
		t.Run(name, func(t *testing.T) {
			objects := parse(t, []byte(test.text))
			if out, err := conform(t, writeSchemas(t, objects), objects); err == nil || !strings.Contains(out, test.want) {
				t.Errorf("%v, %s; want %q", err, out, test.want)
			}
		})
	}
	t.Run("a kind without a schema", func(t *testing.T) {
		objects := parse(t, []byte(`{apiVersion: v1, kind: Unknown, metadata: {name: x}}`))
		if out, err := conform(t, t.TempDir(), objects); err == nil || !strings.Contains(out, "could not find schema") {
			t.Errorf("%v, %s", err, out)
		}
	})
}

// conform runs kubeconform over objects, with the schemas of a folder and no others.
func conform(t *testing.T, schemas string, objects []unstructured.Unstructured) (out string, err error) {
	t.Helper()
	var text strings.Builder
	for _, o := range objects {
		raw, err := yaml.Marshal(o.Object)
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString("---\n" + string(raw))
	}
	stdout, stderr, err := try(t, tool(t, "kubeconform"), "-strict", "-summary",
		"-schema-location", filepath.Join(schemas, "{{.ResourceKind}}{{.KindSuffix}}.json"), file(t, text.String()))
	return string(stdout) + string(stderr), err
}

// writeSchemas writes a JSON schema for the kind of each object, as the API server describes it; kinds that it does not
// know get none.
func writeSchemas(t *testing.T, objects []unstructured.Unstructured) (folder string) {
	t.Helper()
	folder = t.TempDir()
	definitions := definitionsOf(t)
	kinds := map[string]string{}
	for name, definition := range definitions {
		gvks, _, _ := unstructured.NestedSlice(definition.(map[string]any), "x-kubernetes-group-version-kind")
		if len(gvks) != 1 {
			continue // options of a request, and the like
		}
		gvk := gvks[0].(map[string]any)
		kinds[schemaName(gvk["group"].(string), gvk["version"].(string), gvk["kind"].(string))] = name
	}
	for _, o := range objects {
		gvk := o.GroupVersionKind()
		file := schemaName(gvk.Group, gvk.Version, gvk.Kind)
		if kinds[file] == "" {
			continue
		}
		needed := map[string]any{}
		collect(definitions, kinds[file], needed)
		raw, err := json.Marshal(map[string]any{"$ref": "#/definitions/" + kinds[file], "definitions": needed})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, file), raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// schemaName is the file that kubeconform looks for.
func schemaName(group, version, kind string) string {
	short, _, _ := strings.Cut(group, ".")
	if short != "" {
		short += "-"
	}
	return strings.ToLower(kind + "-" + short + version + ".json")
}

// definitionsOf returns what the API server says of all types, made strict.
func definitionsOf(t *testing.T) map[string]any {
	t.Helper()
	client, err := kubernetes.NewForConfig(controlplane.ForTest(t).Config())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := client.RESTClient().Get().AbsPath("/openapi/v2").SetHeader("Accept", "application/json").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Definitions map[string]any `json:"definitions"`
	}
	if err := json.Unmarshal(raw, &document); err != nil {
		t.Fatal(err)
	}
	for _, definition := range document.Definitions {
		strict(definition)
	}
	return document.Definitions
}

// strict forbids fields that are not described, and says what Kubernetes means by its own formats.
func strict(value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, part := range value {
			strict(part)
		}
		_, properties := value["properties"].(map[string]any)
		_, described := value["additionalProperties"]
		if properties && !described && value["x-kubernetes-preserve-unknown-fields"] != true {
			value["additionalProperties"] = false
		}
		if value["format"] == "int-or-string" {
			delete(value, "format")
			value["type"] = []any{"string", "integer"}
		}
	case []any:
		for _, part := range value {
			strict(part)
		}
	}
}

// collect copies a definition, and those that it refers to.
func collect(definitions map[string]any, name string, into map[string]any) {
	if into[name] != nil || definitions[name] == nil {
		return
	}
	into[name] = definitions[name]
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			if ref, ok := value["$ref"].(string); ok {
				collect(definitions, strings.TrimPrefix(ref, "#/definitions/"), into)
			}
			for _, part := range value {
				walk(part)
			}
		case []any:
			for _, part := range value {
				walk(part)
			}
		}
	}
	walk(definitions[name])
}
