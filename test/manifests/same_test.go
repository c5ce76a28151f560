package manifests

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/internal/config"
)

// What both are told in every comparison. `helm test` has no equal in kustomize.
const equivalentValues = `
kafka: {brokers: ["kafka.kafka.svc:9092"]}
topicPolicy:
  rules:
  - namespaces: [shop]
    topicPrefixes: [inventory., payment., shipping., order.]
test: {enabled: false}
`

func TestTheChartAndKustomizeMakeTheSame(t *testing.T) {
	for name, test := range map[string]struct {
		components []string
		values     string
		// Objects, by id, that one of them has to itself, and why that must be.
		onlyKustomize, onlyHelm map[string]string
	}{
		"by default": {},
		"with monitoring": {
			components: []string{"monitoring"},
			values:     `monitoring: {serviceMonitor: {enabled: true}, prometheusRule: {enabled: true}, dashboards: {enabled: true}}`,
		},
		"with TLS and SCRAM": {
			components: []string{"kafka-tls", "kafka-scram"},
			values: `kafka: {brokers: ["kafka.kafka.svc:9092"], tls: {enabled: true, secretName: kafka-tls},` +
				` sasl: {mechanism: SCRAM-SHA-512, secretName: kafka-user}}`,
		},
		"in one namespace": {
			components: []string{"namespaced"},
			values:     `watch: {scope: Namespaced, namespaces: [shop]}`,
			onlyKustomize: map[string]string{
				"ClusterRole /saga-operator": "a component cannot copy the rules into a Role, so it binds the ClusterRole in the namespace",
			},
			onlyHelm: map[string]string{"Role shop/saga-operator-sagas": "needs no ClusterRole"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			fromKustomize := normalized(t, kustomize(t, test.components...))
			fromHelm := normalized(t, helm(t, "--values", file(t, equivalentValues), "--values", file(t, test.values)))
			if _, found := fromKustomize["Namespace /saga-system"]; !found {
				t.Error("kustomize makes no namespace")
			}
			delete(fromKustomize, "Namespace /saga-system") // Helm does not own the namespace that it installs into
			compare(t, fromKustomize, fromHelm, test.onlyKustomize, "kustomize")
			compare(t, fromHelm, fromKustomize, test.onlyHelm, "the chart")
			for id := range fromHelm {
				if diff := cmp.Diff(fromKustomize[id], fromHelm[id]); diff != "" && fromKustomize[id] != nil {
					t.Errorf("%s differs (- kustomize, + chart):\n%s", id, diff)
				}
			}
		})
	}
}

// compare holds that every object of one is in the other, but for those that are listed, which must be there.
func compare(t *testing.T, one, other map[string]any, listed map[string]string, name string) {
	t.Helper()
	for id := range one {
		if other[id] == nil && listed[id] == "" {
			t.Errorf("only %s makes %s", name, id)
		}
	}
	for id := range listed {
		if one[id] == nil || other[id] != nil {
			t.Errorf("%s is listed as made by %s alone, and is not", id, name)
		}
	}
}

// normalized returns the objects by id, without the differences that must be.
func normalized(t *testing.T, objects []unstructured.Unstructured) map[string]any {
	t.Helper()
	hashes := hashedNames(objects)
	all := map[string]any{}
	for _, o := range objects {
		if hashes[o.GetName()] != "" {
			o.SetName(hashes[o.GetName()])
		}
		strip(o, "labels", "app.kubernetes.io/managed-by", "app.kubernetes.io/version", "helm.sh/chart") // says that Helm did it
		strip(o, "annotations", "helm.sh/resource-policy")                                               // tells Helm what kubectl does anyway
		switch o.GetKind() {
		case "Deployment":
			normalizePods(t, o, hashes)
		case "ConfigMap":
			normalizeData(t, o)
		case "Role", "ClusterRole":
			o.Object["rules"] = grants(t, o) // orders are split off in the chart
		case "CustomResourceDefinition":
			strip(o, "labels", "app.kubernetes.io/name", "app.kubernetes.io/instance") // definitions outlive the release; kustomize labels all
		case "RoleBinding":
			normalizeBinding(o)
		}
		if all[id(o)] != nil {
			t.Errorf("%s is there twice", id(o))
		}
		all[id(o)] = o.Object
	}
	return all
}

// hashedNames maps the names that kustomize gives its ConfigMaps to those without their hash. The hash does what the
// chart's checksums do: pods roll when the configuration changes.
func hashedNames(objects []unstructured.Unstructured) map[string]string {
	names := map[string]string{}
	for _, o := range objects {
		if at := strings.LastIndex(o.GetName(), "-"); o.GetKind() == "ConfigMap" && len(o.GetName())-at == 11 {
			names[o.GetName()] = o.GetName()[:at]
		}
	}
	return names
}

func strip(o unstructured.Unstructured, field string, keys ...string) {
	table, found, _ := unstructured.NestedStringMap(o.Object, "metadata", field)
	for _, key := range keys {
		delete(table, key)
	}
	if len(table) > 0 {
		_ = unstructured.SetNestedStringMap(o.Object, table, "metadata", field)
	} else if found {
		unstructured.RemoveNestedField(o.Object, "metadata", field)
	}
}

// normalizePods takes the hashes out of what a Deployment refers to, and the checksums off it.
func normalizePods(t *testing.T, o unstructured.Unstructured, hashes map[string]string) {
	t.Helper()
	template, found, err := unstructured.NestedMap(o.Object, "spec", "template")
	if err != nil || !found {
		t.Fatalf("the Deployment has no template: %v", err)
	}
	raw, err := yaml.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	for hashed, name := range hashes {
		text = strings.ReplaceAll(text, "name: "+hashed+"\n", "name: "+name+"\n")
	}
	lines := slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return strings.Contains(line, "checksum/") })
	var plain map[string]any
	if err := yaml.Unmarshal([]byte(strings.Join(lines, "\n")), &plain); err != nil {
		t.Fatal(err)
	}
	sortByName(plain) // the order of volumes and mounts has no meaning
	o.Object["spec"].(map[string]any)["template"] = plain
}

// sortByName sorts volumes and volumeMounts wherever they are.
func sortByName(value any) {
	switch value := value.(type) {
	case map[string]any:
		for key, part := range value {
			if list, ok := part.([]any); ok && (key == "volumes" || key == "volumeMounts") {
				slices.SortFunc(list, func(a, b any) int {
					return strings.Compare(fmt.Sprint(a.(map[string]any)["name"]), fmt.Sprint(b.(map[string]any)["name"]))
				})
			}
			sortByName(part)
		}
	case []any:
		for _, part := range value {
			sortByName(part)
		}
	}
}

// normalizeData replaces the manager's environment by what it means: the chart says defaults, kustomize does not.
func normalizeData(t *testing.T, o unstructured.Unstructured) {
	t.Helper()
	data, _, err := unstructured.NestedStringMap(o.Object, "data")
	if err != nil {
		t.Fatal(err)
	}
	switch o.GetName() {
	case "saga-operator":
		o.Object["data"] = configured(t, data)
	case "saga-operator-topic-policy":
		var policy any
		if err := yaml.Unmarshal([]byte(data["topic-policy.yaml"]), &policy); err != nil {
			t.Fatal(err)
		}
		o.Object["data"] = policy
	}
}

// configured is what the manager understands of its environment.
func configured(t *testing.T, data map[string]string) config.Config {
	t.Helper()
	var environ []string
	for name, value := range data {
		environ = append(environ, name+"="+value)
	}
	slices.Sort(environ)
	understood, err := config.Parse(nil, environ)
	if err != nil {
		t.Fatalf("the manager refuses its configuration: %v\n%s", err, strings.Join(environ, "\n"))
	}
	return understood
}

// grants writes rules as one line for each group, resource and verb.
func grants(t *testing.T, o unstructured.Unstructured) []string {
	t.Helper()
	var lines []string
	for _, rule := range rulesOf(t, o) {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					lines = append(lines, verb+" "+resource+"."+group)
				}
			}
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// normalizeBinding: in one namespace, the chart binds a Role and kustomize the ClusterRole.
func normalizeBinding(o unstructured.Unstructured) {
	if strings.HasSuffix(o.GetName(), "-sagas") {
		unstructured.RemoveNestedField(o.Object, "roleRef")
	}
}
