package v1alpha1

import (
	"encoding/json"
	"testing"
)

func TestAStatusThatIsReadKeepsNothingOfTheOneBefore(t *testing.T) {
	saga := Saga{}
	saga.Status.Phase, saga.Status.Revision, saga.Status.Steps = PhaseRunning, "r-1", []StepStatus{{Name: "a", State: StepRunning}}
	if err := json.Unmarshal([]byte(`{"status":{"phase":"Completed","rules":1}}`), &saga); err != nil {
		t.Fatal(err)
	}
	if s := saga.Status; s.Phase != PhaseCompleted || s.Rules != 1 || s.Revision != "" || s.Steps != nil {
		t.Fatalf("read %+v", s)
	}
}
