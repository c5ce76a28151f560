package lint

import (
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// branches is a graph of two branches: what READER reads of the other one, it does not wait for.
const branches = `apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: two-branches}
spec:
  steps:
  - name: a
    participant: p
    action: {command: do}
    compensation: {command: undo}
  - READER
  - name: c
    participant: p
    dependsOn: [a]
    action: {command: do}
    compensation: {command: undo}
`

func TestWhatReadsAnotherBranchIsToldToWaitForIt(t *testing.T) {
	const aside, first = `this does not wait for step "a": add it to dependsOn`, `step "a" is not done yet: this is evaluated when the saga starts, and reads params and saga only`
	const act, undo = "participant: p, action: {command: do}", "compensation: {command: undo}"
	for name, c := range map[string]struct{ fields, field, want string }{
		"in an input":                       {`participant: p, action: {command: do, input: {x: READ}}, ` + undo, "action.input.x", aside},
		"in a condition":                    {`when: READ, ` + act + `, ` + undo, "when", aside},
		"in the input of a compensation":    {act + `, compensation: {command: undo, input: {x: READ}}`, "compensation.input.x", aside},
		"in the data of an event":           {`participant: p, publish: {event: e, data: {x: READ}}, ` + undo, "publish.data.x", aside},
		"in the data of an undoing event":   {`participant: p, publish: {event: e}, compensation: {publish: {event: f, data: {x: READ}}}`, "compensation.publish.data.x", aside},
		"in a filter":                       {`participant: p, await: {event: e, timeout: 1h, filter: READ}`, "await.filter", aside},
		"in the time of a delay":            {`delay: {until: READ}`, "delay.until", aside},
		"in the message of an approval":     {`approval: {message: READ}`, "approval.message", aside},
		"but a key can read none":           {`participant: p, await: {event: e, timeout: 1h, key: READ}`, "await.key", first},
		"nor wait for one that comes later": {strings.ReplaceAll(`participant: p, action: {command: do, input: {x: READ}}, `+undo, "READ", `"${steps.c.output.x}"`), "action.input.x", `step "c" is not done yet when this is evaluated`},
	} {
		t.Run(name, func(t *testing.T) {
			read := `"${steps.a.output.x}"`
			if strings.Contains(c.fields, "when: READ") || strings.Contains(c.fields, "filter: READ") {
				read = `steps.a.output.x == '1'`
			}
			text := strings.Replace(branches, "READER", "{name: reader, "+strings.ReplaceAll(c.fields, "READ", read)+"}", 1)
			for _, finding := range lintOf(t, manifests.Source{Name: "f.yaml", Text: text}).Findings {
				if finding.Severity == Error && (finding.Field != "spec.steps[1]."+c.field || !strings.Contains(finding.Message, c.want)) {
					t.Errorf("found %s", finding)
				}
			}
			if n := lintOf(t, manifests.Source{Name: "f.yaml", Text: text}).Count(Error); n != 1 {
				t.Errorf("%d errors are found", n)
			}
		})
	}
}

func TestAConcurrencyKeyReadsNoStep(t *testing.T) {
	text := strings.Replace(catalogue, "  steps:", "  concurrency: {key: \"${steps.charge.output.x}\", policy: Queue}\n  steps:", 1)
	findings := lintOf(t, manifests.Source{Name: "f.yaml", Text: text}).Findings
	if len(findings) != 1 || findings[0].Field != "spec.concurrency.key" || !strings.Contains(findings[0].Message, `step "charge" is not done yet: this is evaluated when the saga starts`) {
		t.Errorf("found %v", findings)
	}
}
