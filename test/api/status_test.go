package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// conditionsOf are an object's conditions as "Type=Status Reason", in their order.
func conditionsOf(t *testing.T, object *unstructured.Unstructured) []string {
	t.Helper()
	conditions, _, err := unstructured.NestedSlice(object.Object, "status", "conditions")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		status, _, _ := unstructured.NestedString(condition, "status")
		kind, _, _ := unstructured.NestedString(condition, "type")
		reason, _, _ := unstructured.NestedString(condition, "reason")
		all = append(all, kind+"="+status+" "+reason)
	}
	return all
}

func TestWhatIsNewHasItsConditions(t *testing.T) {
	for example, want := range map[string][]string{
		sagaByReference: {
			"Accepted=Unknown Pending", "Ready=Unknown Pending", "Stalled=False Progressing",
			"Finished=False InProgress", "Compensating=False NotNeeded", "Suspended=False NotSuspended",
		},
		order: {"Accepted=Unknown Pending", "Ready=Unknown Pending", "Stalled=False Progressing"},
	} {
		t.Run(example, func(t *testing.T) {
			stored := newServer(t).create(load(t, example))
			if diff := cmp.Diff(want, conditionsOf(t, stored)); diff != "" {
				t.Errorf("conditions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsLeftOutGetsItsDefault(t *testing.T) {
	s := newServer(t)
	definition := s.create(load(t, definition)).Object
	saga := s.create(load(t, sagaByReference)).Object
	bare := load(t, order)
	remove("spec/definitionRef")(bare)
	order := s.create(bare).Object
	retry := fields("initialBackoff", "1s", "maxBackoff", "30s", "backoffPercent", 200, "jitterPercent", 20) // attempts depend on the recovery
	for path, tc := range map[string]struct {
		object map[string]any
		want   any
	}{
		"spec/steps/1/recovery":             {definition, "Compensatable"},
		"spec/steps/1/action/timeout":       {definition, "30s"},
		"spec/steps/1/action/retry":         {definition, retry},
		"spec/steps/1/compensation/policy":  {definition, "Run"},
		"spec/steps/1/compensation/timeout": {definition, "30s"},
		"spec/steps/1/compensation/retry":   {definition, retry},
		"spec/steps/1/action/input":         {definition, nil},
		"spec/suspend":                      {saga, false},
		"spec/abort":                        {saga, false},
		"spec/adopt":                        {saga, false},
		"spec/onKeyUsed":                    {saga, "Wait"},
		"spec/deletionPolicy":               {saga, "Compensate"},
		"spec/ttl":                          {saga, nil},
		"spec/idempotencyKey":               {saga, nil},
		"spec/definitionRef/name":           {order, "order-fulfilment"},
		"status/phase":                      {order, "Pending"},
	} {
		t.Run(path, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, at(tc.object, strings.Split(path, "/"))); diff != "" {
				t.Errorf("default (-want +got):\n%s", diff)
			}
		})
	}
}

// Rules that compare old and new run on every write, so also on those of the operator.
func TestAStatusIsWrittenWhateverTheSpecSays(t *testing.T) {
	for _, example := range []string{definition, saga, participant, order} {
		t.Run(example, func(t *testing.T) {
			s := newServer(t)
			shown := load(t, example)
			stored := s.create(shown)
			stored.Object["status"] = shown.Object["status"]
			if err := s.tryStatus(stored); err != nil {
				t.Errorf("the status is refused: %v", err)
			}
		})
	}
}

func TestAStatusWriteLeavesTheSpecAsItIs(t *testing.T) {
	s := newServer(t)
	stored := s.create(load(t, saga))
	set("spec/params/orderId", "other")(stored)
	set("status/phase", "Running")(stored)
	s.storeStatus(stored)
	again, err := s.of(stored).Get(t.Context(), stored.GetName(), metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"status/phase": "Running", "spec/params/orderId": "1001"} {
		if got := at(again.Object, strings.Split(path, "/")); got != want {
			t.Errorf("%s is %v; want %s", path, got, want)
		}
	}
}
