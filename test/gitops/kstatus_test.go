package gitops

import (
	"slices"
	"testing"

	kstatus "github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func TestKstatusOfEveryPhase(t *testing.T) {
	each(t, func(t *testing.T, _, _ string, object *unstructured.Unstructured, want verdict) {
		got, err := kstatus.Compute(object)
		if err != nil {
			t.Fatal(err)
		}
		if got.Status != want.kstatus {
			t.Errorf("kstatus says %s (%s); want %s", got.Status, got.Message, want.kstatus)
		}
	})
}

func TestAnObjectWithoutAnyStatusWouldBeTakenForDone(t *testing.T) {
	// Why the schemas give every new object conditions: this is what tools would say without them.
	for kind := range wanted {
		object := load(t, customizations+"/"+kind+"/testdata/new.yaml")
		unstructured.RemoveNestedField(object.Object, "status")
		if got, err := kstatus.Compute(object); err != nil || got.Status != kstatus.CurrentStatus {
			t.Errorf("%s without status: %v, error %v", kind, got, err)
		}
	}
}

// said is every "kind condition status reason" that the kept objects show.
func said(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for kind, objects := range wanted {
		for name := range objects {
			object := load(t, customizations+"/"+kind+"/testdata/"+name+".yaml")
			conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range conditions {
				condition, ok := c.(map[string]any)
				if !ok {
					t.Fatalf("%s/%s has the condition %v", kind, name, c)
				}
				word := func(field string) string { s, _ := condition[field].(string); return s }
				all[kind+" "+word("type")+"="+word("status")+" "+word("reason")] = true
			}
		}
	}
	return all
}

func TestTheObjectsShowEveryReasonOfEverySagaCondition(t *testing.T) {
	all := said(t)
	for condition, reasons := range map[string][]string{
		"Accepted=True":      {"Accepted"},
		"Accepted=False":     {"InvalidDefinition", "InvalidParameters", "InvalidExpression", "DuplicateKey", "ReferencesMissing"},
		"Accepted=Unknown":   {"Pending", "DefinitionNotFound", "ParticipantNotFound"},
		"Ready=True":         {"Completed"},
		"Ready=False":        {"Running", "Suspended", "Compensating", "NeedsIntervention", "Compensated", "Rejected", "SpecChanged"},
		"Ready=Unknown":      {"Pending"},
		"Stalled=True":       {"NeedsIntervention", "KeyUsed", "Compensated", "Rejected", "SpecChanged"},
		"Stalled=False":      {"Progressing", "Completed"},
		"Finished=True":      {"Completed", "Compensated", "Rejected"},
		"Finished=False":     {"InProgress"},
		"Compensating=True":  {"StepFailed", "OutcomeUnknown", "DeadlineExceeded", "Aborted", "Deleted"},
		"Compensating=False": {"NotNeeded", "Undone", "AbortRefused"},
		"Suspended=True":     {"SuspendRequested"},
		"Suspended=False":    {"NotSuspended"},
	} {
		for _, reason := range reasons {
			if !all["Saga "+condition+" "+reason] {
				t.Errorf("no object shows %s, reason %s", condition, reason)
			}
		}
	}
}

func TestTheObjectsShowEveryPhase(t *testing.T) {
	for kind, phases := range map[string][]string{
		"Saga":          {"Pending", "Running", "Compensating", "NeedsIntervention", "Completed", "Compensated", "Rejected"},
		"OrderWorkflow": {"Pending", "Processing", "NeedsAttention", "Completed", "Cancelled", "Rejected"},
	} {
		var shown []string
		for name := range wanted[kind] {
			phase, _, err := unstructured.NestedString(load(t, customizations+"/"+kind+"/testdata/"+name+".yaml").Object, "status", "phase")
			if err != nil {
				t.Fatal(err)
			}
			shown = append(shown, phase)
		}
		for _, phase := range phases {
			if !slices.Contains(shown, phase) {
				t.Errorf("no %s is %s", kind, phase)
			}
		}
	}
}
