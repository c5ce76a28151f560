package manifests

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
)

// file writes text into a file and returns its path.
func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheManagerTakesWhatItIsTold(t *testing.T) {
	for set, objects := range rendered(t) {
		told, policies := 0, 0
		for _, o := range objects {
			data, _, _ := unstructured.NestedStringMap(o.Object, "data")
			if o.GetKind() != "ConfigMap" {
				continue
			}
			if data["SAGA_INSTALLATION"] != "" {
				told++
				configured(t, data)
			}
			if text, found := data["topic-policy.yaml"]; found {
				policies++
				if _, err := topicpolicy.Parse([]byte(text)); err != nil {
					t.Errorf("%s: %v in:\n%s", set, err, text)
				}
			}
		}
		if told != 1 || policies > 1 {
			t.Errorf("%s has %d configurations and %d topic policies", set, told, policies)
		}
	}
}

func TestTheChartsDefaultsAreTheManagers(t *testing.T) {
	minimal := map[string]string{
		"SAGA_KAFKA_BROKERS": "kafka.kafka.svc:9092", "SAGA_ALLOW_ALL_TOPICS": "true",
		"SAGA_REPLY_TOKEN_KEY_FILE":          "/var/run/saga/reply-token/key",
		"SAGA_REPLY_TOKEN_PREVIOUS_KEY_FILE": "/var/run/saga/reply-token/previous",
	}
	for _, o := range helm(t, "--set", "kafka.brokers={kafka.kafka.svc:9092},topicPolicy.allowAll=true") {
		if o.GetKind() == "ConfigMap" {
			data, _, _ := unstructured.NestedStringMap(o.Object, "data")
			if diff := cmp.Diff(configured(t, minimal), configured(t, data)); diff != "" {
				t.Errorf("- the manager's defaults, + the chart's:\n%s", diff)
			}
			return
		}
	}
	t.Error("there is no configuration")
}

func TestWhoHasNoRightsInTheClusterCanInstall(t *testing.T) {
	server := newServer(t)
	for _, o := range helm(t, "--values", valuesFiles(t)["restricted-values.yaml"]) {
		if mapping := server.mapping(t, o); mapping.Scope.Name() != meta.RESTScopeNameNamespace {
			t.Errorf("%s is the cluster's", id(o))
		}
	}
}
