package devrun

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const loan = `apiVersion: sagas.dev/v1alpha1
kind: SagaParticipant
metadata: {name: bank}
spec: {topics: {commands: bank.in, events: bank.out}, eventKey: event.data.loan}
---
apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: loan}
spec:
  steps:
  - {name: check, participant: bank, action: {command: check, outputSchema: {type: object, required: [score], properties: {score: {type: integer, minimum: 5}}}}, compensation: {policy: None}}
  - {name: approve, approval: {message: "score ${steps['check'].output.score}"}}
  - {name: paid, participant: bank, await: {event: paid, timeout: 1h, filter: "event.data.amount == 100"}}
---
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: loan-1}
spec: {definitionRef: {name: loan}, businessKey: "1"}
`

const loanScript = `apiVersion: sagas.dev/v1alpha1
kind: SagaTest
metadata: {name: loan}
definition: loan
cases:
- name: approved and paid
  decisions: [{step: approve, action: MarkDone, by: ada}]
  events: [{type: bank.paid, afterStep: approve, data: {amount: AMOUNT, loan: "1"}}]
  expect: {end: Completed}
`

func TestAScriptDecidesAndDescribesEvents(t *testing.T) {
	dir := t.TempDir()
	file := write(t, dir, "loan.yaml", loan)
	script := write(t, t.TempDir(), "script.yaml", strings.ReplaceAll(loanScript, "AMOUNT", "100"))
	out, err := once(t, Options{Paths: []string{file}, Script: []string{filepath.Join(filepath.Dir(script), ".", "script.yaml")}, AutoEvents: time.Millisecond})
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, line := range []string{
		`stub bank answers succeeded {"score":5} to bank.check (check) of loan-1`, "the script decides MarkDone about approve of loan-1",
		`loan-1 takes bank.paid {"amount":100,"loan":"1"}`, "loan-1 is Completed 3/3",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("it does not say %q:\n%s", line, out)
		}
	}
}

func TestAnEventThatNoSagaTakesIsTold(t *testing.T) {
	file := write(t, t.TempDir(), "loan.yaml", loan)
	script := write(t, t.TempDir(), "script.yaml", strings.ReplaceAll(loanScript, "AMOUNT", "99"))
	out := start(t, Options{Paths: []string{file}, Script: []string{script}, AutoEvents: time.Millisecond})
	out.await(t, `no saga takes bank.paid {"amount":99,"loan":"1"} with key "1": a filter passes it over`)
}

func TestASagaThatWaitsForApprovalEndsASessionThatRunsOnce(t *testing.T) {
	file := write(t, t.TempDir(), "loan.yaml", loan)
	out, err := once(t, Options{Paths: []string{file}})
	if err == nil || !strings.Contains(out, "loan-1 is Running 1/3") {
		t.Errorf("it ended with %v:\n%s", err, out)
	}
}
