package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// wrongAllOver has mistakes of every kind: of the schema, of rules over steps, of expressions, and of what objects say of each other.
const wrongAllOver = `apiVersion: sagas.dev/v1alpha1
kind: SagaParticipant
metadata: {name: payment}
spec:
  topics: {events: payment.events}
---
apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: checkout}
spec:
  parameters: {type: thing}
  concurrency: {key: "${steps.charge.output.id}", policy: Queue}
  outputs:
    id: ${steps.nobody.output.id}
  steps:
  - name: charge
    participant: payment
    action:
      command: charge
      timeout: soon
      input:
        amount: ${params.}
        currency: ${nobody}
        card: ${params.card}
    compensation:
      comand: refund
  - name: paid
    participant: payment
    when: params.amount >
    await:
      event: paid
      filter: event.data.amount = 1
  - name: ship
    recovery: Pivot
    dependsOn: [charge, send, charge]
    participant: shipping
    publish: {event: shipped}
    delay: {for: 1h}
    compensation: {policy: None}
  - name: send
    recovery: Pivot
    participant: shipping
    action: {command: send, input: {id: "${steps.ship.output.id}", to: "${params.to + 1 +}"}}
---
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: one}
spec:
  definitionRef: {name: checkout}
  definition: {steps: [{name: a, participant: payment, action: {command: b, input: {c: "${d}"}}, compensation: {command: e}}]}
`

func TestOneRunTellsOfAllThatIsWrong(t *testing.T) {
	want := []string{
		`11 spec.parameters: schema is not valid: /type: must be one of`,
		`12 spec.concurrency.key: 1:1: step "charge" is not done yet`,
		`14 spec.outputs.id: 1:1: there is no step "nobody"`,
		`17 spec.steps[0].participant: SagaParticipant "payment" names no topic for commands (f.yaml:5)`,
		`20 spec.steps[0].action.timeout: Invalid value: "soon"`,
		`22 spec.steps[0].action.input.amount: 1:8: `,
		`23 spec.steps[0].action.input.currency: 1:1: undeclared reference to 'nobody'`,
		`26 spec.steps[0].compensation.comand: unknown field`,
		`29 spec.steps[1].when: 1:16: the expression ends too early`,
		`30 spec.steps[1].await.timeout: `,
		`32 spec.steps[1].await.filter: 1:19: = is no operator`,
		`33 spec.steps[2]: exactly one of action, publish, await, delay and approval is needed, there are publish and delay`,
		`35 spec.steps[2].dependsOn[1]: "send" is no earlier step`,
		`35 spec.steps[2].dependsOn[2]: "charge" is named twice`,
		`36 spec.steps[2].participant: SagaParticipant "shipping" is not among these files`,
		`39 spec.steps[2].compensation: a Pivot or Retriable step is never undone`,
		`41 spec.steps[3].recovery: steps[2] is the Pivot already`,
		`43 spec.steps[3].action.input.to: 1:16: the expression ends too early`,
		`48 spec: Invalid value: a saga needs exactly one of definitionRef and definition`,
		`50 spec.definition.steps[0].action.input.c: 1:1: undeclared reference to 'd'`,
		`50 spec.definition.steps[0].participant: SagaParticipant "payment" names no topic for commands (f.yaml:5)`,
	}
	report := lintOf(t, manifests.Source{Name: "f.yaml", Text: wrongAllOver})
	for i, f := range report.Findings {
		got := fmt.Sprintf("%d %s: %s", f.Line, f.Field, f.Message)
		if i >= len(want) || !strings.HasPrefix(got, want[i]) {
			t.Fatalf("finding %d is\n%s\nof\n%v", i, got, report.Findings)
		}
	}
	if len(report.Findings) != len(want) {
		t.Errorf("%d things are found, want %d", len(report.Findings), len(want))
	}
	again := lintOf(t, manifests.Source{Name: "f.yaml", Text: wrongAllOver})
	if diff := cmp.Diff(report, again); diff != "" {
		t.Errorf("another run tells something else: %s", diff)
	}
}
