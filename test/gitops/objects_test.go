package gitops

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write health_test.yaml and argocd-cm.yaml anew")

// customizations is where Argo CD's own repository would have our scripts.
const customizations = "../../config/argocd/resource_customizations/sagas.dev"

// verdict is what the two tools say of an object.
type verdict struct {
	kstatus kstatus.Status
	argo    health.HealthStatusCode
}

var (
	done      = verdict{kstatus.CurrentStatus, health.HealthStatusHealthy}
	goesOn    = verdict{kstatus.InProgressStatus, health.HealthStatusProgressing}
	heldBack  = verdict{kstatus.InProgressStatus, health.HealthStatusSuspended}
	failed    = verdict{kstatus.FailedStatus, health.HealthStatusDegraded}
	goingAway = verdict{kstatus.TerminatingStatus, health.HealthStatusProgressing}
)

// wanted is the table: what either tool has to say of each object that the manager may leave behind.
var wanted = map[string]map[string]verdict{
	"Saga": {
		"new":                     goesOn, // without the schema's default it would be Current
		"waits-for-definition":    goesOn,
		"waits-for-participant":   goesOn,
		"waits-for-permission":    goesOn,
		"suspended-and-waits":     heldBack,
		"suspended-before-start":  heldBack,
		"rejected-parameters":     failed,
		"rejected-definition":     failed,
		"rejected-expression":     failed,
		"rejected-duplicate-key":  failed,
		"running":                 goesOn,
		"running-asks-again":      goesOn,
		"running-reference-gone":  goesOn,
		"running-abort-refused":   goesOn,
		"suspended":               heldBack,
		"change-not-seen-yet":     goesOn,
		"compensating":            goesOn,
		"compensating-unknown":    goesOn,
		"compensating-deadline":   goesOn,
		"compensating-aborted":    goesOn,
		"deleting":                goingAway,
		"deleting-needs-decision": goingAway,
		"needs-decision-backward": failed,
		"needs-decision-forward":  failed,
		"needs-other-decision":    failed,
		"key-used":                failed,
		"key-used-aborted":        failed,
		"key-used-ended":          failed,
		"spec-changed":            failed,
		"compensated":             failed,
		"completed":               done,
		"completed-then-changed":  done,
	},
	"OrderWorkflow": {
		"new":             goesOn,
		"processing":      goesOn,
		"undoing":         goesOn,
		"completed":       done,
		"cancelled":       failed,
		"needs-decision":  failed,
		"key-used":        failed,
		"rejected-order":  failed,
		"rejected-saga":   failed,
		"saga-lost":       failed,
		"saga-name-taken": failed,
		"saga-refused":    failed,
		"deleting":        goingAway,
	},
	"SagaDefinition": {
		"new":                   goesOn,
		"accepted":              done,
		"waits-for-participant": goesOn,
		"waits-for-permission":  goesOn, // the participant says who must act
		"refused-definition":    failed,
		"refused-expression":    failed,
		"refused-parameters":    failed,
		"refused-then-mended":   done,
		"change-not-seen-yet":   goesOn,
	},
	"SagaParticipant": {
		"new":                 goesOn,
		"topics-found":        done,
		"topics-not-looked":   goesOn,
		"topic-not-permitted": failed, // only a person gives the permission, or names another topic
		"topic-missing":       goesOn, // it heals by itself once the topic is made
		"broker-unavailable":  goesOn,
		"deleting-in-use":     goingAway,
	},
	"SagaTrigger": {
		"new":                  goesOn,
		"not-read-yet":         goesOn,
		"reading":              done,
		"throttled":            goesOn,
		"topic-missing":        goesOn, // what passes by itself
		"broker-unavailable":   goesOn,
		"waits-for-definition": goesOn,
		"quota-exceeded":       goesOn,
		"suspended":            heldBack,
		"refused-expression":   failed,
		"refused-mapping":      failed,
		"topic-not-permitted":  failed,
		"change-not-seen-yet":  goesOn,
	},
}

// load reads an object from a file.
func load(t *testing.T, file string) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, text)
}

// parse reads an object from YAML, with numbers as the API server gives them.
func parse(t *testing.T, text []byte) *unstructured.Unstructured {
	t.Helper()
	json, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(json); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return object
}

// each calls test for every object of the table.
func each(t *testing.T, test func(t *testing.T, kind, name string, object *unstructured.Unstructured, want verdict)) {
	t.Helper()
	for kind, objects := range wanted {
		for name, want := range objects {
			t.Run(kind+"/"+name, func(t *testing.T) {
				test(t, kind, name, load(t, filepath.Join(customizations, kind, "testdata", name+".yaml")), want)
			})
		}
	}
}

func TestTheTableHasEveryObjectThatIsKept(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(customizations, "*", "testdata", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no objects in %s (%v)", customizations, err)
	}
	kept := 0
	for _, file := range files {
		kind, name := filepath.Base(filepath.Dir(filepath.Dir(file))), strings.TrimSuffix(filepath.Base(file), ".yaml")
		if _, ok := wanted[kind][name]; !ok {
			t.Errorf("nobody says what tools should make of %s", file)
		}
		kept++
	}
	listed := 0
	for _, objects := range wanted {
		listed += len(objects)
	}
	if kept != listed {
		t.Errorf("%d objects are kept, %d are in the table", kept, listed)
	}
}
