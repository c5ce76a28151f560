package lint

import (
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/manifests"
)

var linter = sync.OnceValues(New)

func lintOf(t *testing.T, sources ...manifests.Source) Report {
	t.Helper()
	l, err := linter()
	if err != nil {
		t.Fatal(err)
	}
	return l.Lint(t.Context(), sources)
}

const catalogue = `apiVersion: sagas.dev/v1alpha1
kind: SagaParticipant
metadata: {name: payment}
spec:
  topics: {commands: payment.commands}
---
apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: checkout}
spec:
  parameters: {type: object, required: [amount], properties: {amount: {type: string}}}
  steps:
  - name: charge
    participant: payment
    action: {command: charge, input: {amount: "${params.amount}"}}
    compensation: {command: refund}
`

const run1 = `apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: one}
spec:
  definitionRef: {name: checkout}
  params: {amount: "12.50"}
`

const aTrigger = `apiVersion: sagas.dev/v1alpha1
kind: SagaTrigger
metadata: {name: orders}
spec:
  topic: orders
  definitionRef: {name: checkout}
`

func TestWhatIsWrongIsFoundWhereItStands(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"a definition with its participant and its saga is fine": {catalogue + "---\n" + run1, nil},
		"a field that is misspelt": {
			strings.Replace(catalogue, "compensation: {command: refund}", "compensation:\n      comand: refund", 1),
			[]string{
				`f.yaml:17 (SagaDefinition/checkout): spec.steps[0].compensation.comand: unknown field "comand": did you mean "command"?`,
			},
		},
		"a bound of the schema": {
			strings.Replace(catalogue, "name: charge", "name: Charge", 1),
			[]string{`f.yaml:13 (SagaDefinition/checkout): spec.steps[0].name: Invalid value: "Charge": spec.steps[0].name in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'`},
		},
		"a rule over steps": {
			strings.Replace(catalogue, "    compensation: {command: refund}\n", "", 1),
			[]string{
				`f.yaml:13 (SagaDefinition/checkout): spec.steps[0].compensation: a Compensatable step needs one; where it changes nothing, say compensation: {policy: None}`,
			},
		},
		"a step that depends on none before it": {
			strings.Replace(catalogue, "- name: charge", "- name: charge\n    dependsOn: [bill]", 1),
			[]string{
				`f.yaml:14 (SagaDefinition/checkout): spec.steps[0].dependsOn[0]: there is no step "bill"`,
			},
		},
		"an expression": {
			strings.Replace(catalogue, "${params.amount}", "${params.amount + }", 1),
			[]string{`f.yaml:15 (SagaDefinition/checkout): spec.steps[0].action.input.amount: 1:17: the expression ends too early`},
		},
		"a schema of parameters": {
			strings.Replace(catalogue, "type: object, required", "type: thing, required", 1),
			[]string{`f.yaml:11 (SagaDefinition/checkout): spec.parameters: schema is not valid: /type: must be one of array, boolean, integer, null, number, object, string, or a list of these`},
		},
		"params that break the schema": {
			catalogue + "---\n" + strings.Replace(run1, `{amount: "12.50"}`, "{amount: 12.5}", 1),
			[]string{`f.yaml:23 (Saga/one): spec.params: parameters break the schema: /amount: must be of type string, is number`},
		},
		"a participant without the topic that is needed": {
			strings.Replace(catalogue, "commands: payment.commands", "events: payment.events", 1),
			[]string{`f.yaml:14 (SagaDefinition/checkout): spec.steps[0].participant: SagaParticipant "payment" names no topic for commands (f.yaml:5), which a step of it needs`},
		},
		"what is not among the files is no mistake": {
			run1,
			[]string{`f.yaml:5 (Saga/one): warning: spec.definitionRef.name: SagaDefinition "checkout" is not among these files`},
		},
		"the same object twice": {
			catalogue + "---\n" + run1 + "---\n" + run1,
			[]string{`f.yaml:27 (Saga/one): metadata.name: the same object stands at f.yaml:20`},
		},
		"two sagas of one key": {
			catalogue + "---\n" + run1 + "---\n" + strings.Replace(run1, "name: one}\nspec:", "name: two}\nspec:\n  idempotencyKey: one", 1),
			[]string{`f.yaml:29 (Saga/two): spec.idempotencyKey: Saga/one at f.yaml:21 has the same idempotency key: one of them would be rejected, or have no effect`},
		},
		"the same name in another namespace is another object": {
			catalogue + "---\n" + run1 + "---\n" + strings.Replace(run1, "{name: one}", "{name: one, namespace: other}", 1),
			[]string{`f.yaml:29 (Saga/one): warning: spec.definitionRef.name: SagaDefinition "checkout" is not among these files`},
		},
		"an output that may not be there": {
			catalogue + `  - name: gift
    when: params.gift
    participant: payment
    action: {command: gift}
    compensation: {command: ungift}
  - name: ship
    recovery: Pivot
    participant: payment
    action: {command: ship, input: {id: "${steps['gift'].output.id}"}}
`,
			[]string{`f.yaml:22 (SagaDefinition/checkout): warning: spec.steps[2]: reads the output of step "gift", which has none where its condition (when) is false: write steps['gift'].?output.?field.orValue('')`},
		},
		"a compensation that cannot be sent without another step's output": {
			catalogue + `  - name: insure
    participant: payment
    action: {command: insure, input: {charge: "${steps.charge.output.id}"}}
    compensation: {command: release}
  - name: gift
    participant: payment
    action: {command: gift, input: {charge: "${steps.charge.output.id}"}}
    compensation: {command: ungift, input: {amount: "${params.amount}"}}
`,
			[]string{`f.yaml:20 (SagaDefinition/checkout): warning: spec.steps[1].compensation: takes the input of the action, which reads the output of step "charge": `},
		},
		"two observed actions that nobody could tell apart": {
			strings.Replace(catalogue, "  steps:\n", "  mode: Observed\n  steps:\n", 1) + `  - name: tip
    participant: payment
    action: {command: charge}
    compensation: {command: untip}
`,
			[]string{
				`f.yaml:15 (SagaDefinition/checkout): spec.steps[0].participant: SagaParticipant "payment" names no topic for events (f.yaml:5), which a step of it needs`,
				`f.yaml:20 (SagaDefinition/checkout): spec.steps[1].action.events: payment.charge-succeeded and payment.charge-failed may also be about steps[0] (charge): ` +
					`in mode Observed each action needs events of its own: name them here`,
			},
		},
		"an event key": {
			strings.Replace(catalogue, "topics: {commands: payment.commands}", "topics: {commands: payment.commands}\n  eventKey: event.data.", 1),
			[]string{`f.yaml:6 (SagaParticipant/payment): spec.eventKey: 1:12: a name is missing after the dot`},
		},
		"a trigger whose filter does not compile": {
			aTrigger + "  filter: event.data. == 1\n",
			[]string{
				`f.yaml:6 (SagaTrigger/orders): warning: spec.definitionRef.name: SagaDefinition "checkout" is not among these files`,
				`f.yaml:7 (SagaTrigger/orders): spec.filter: 1:13: Syntax error`,
			},
		},
		"a trigger whose params do not compile, of a definition that is not here": {
			aTrigger + "  params:\n    id: ${event.data.id}\n    key: ${saga.name}\n",
			[]string{
				`f.yaml:6 (SagaTrigger/orders): warning: spec.definitionRef.name: SagaDefinition "checkout" is not among these files`,
				`f.yaml:9 (SagaTrigger/orders): spec.params.key: 1:1: `,
			},
		},
		"no YAML": {
			"apiVersion: v1\nkind: [\n",
			[]string{"f.yaml:2: yaml: line 2: did not find expected node content"},
		},
		"a key twice": {
			"# a comment\n---\napiVersion: v1\nkind: A\nkind: B\n",
			[]string{`f.yaml:5: yaml: unmarshal errors: line 5: key "kind" already set in map`},
		},
		"two objects without a line between them": {
			"apiVersion: v1\nkind: A\napiVersion: v1\nkind: B\n",
			[]string{`f.yaml:4: yaml: unmarshal errors: line 3: key "apiVersion" already set in map line 4: key "kind" already set in map: a line --- is missing between two objects`},
		},
		"a list of anything":      {"- a\n", []string{"f.yaml:1: it is no Kubernetes object: apiVersion and kind are needed, there is only a JSON array"}},
		"a version that is none":  {"apiVersion: 1\nkind: Saga\n", []string{"f.yaml:1: it is no Kubernetes object: apiVersion is of JSON type number"}},
		"a name that is a number": {"apiVersion: v1\nkind: A\nmetadata: {name: 5}\n", []string{"f.yaml:1: it is no Kubernetes object: metadata.name is of JSON type number"}},
		"no Kubernetes object":    {"a: b\n", []string{"f.yaml:1: it is no Kubernetes object: apiVersion and kind are needed"}},
		"a kind that we do not have": {
			"apiVersion: sagas.dev/v1\nkind: Saga\nmetadata: {name: x}\n",
			[]string{"f.yaml:2 (Saga/x): kind: there is no Saga in sagas.dev/v1, as far as this version of the plugin knows"},
		},
		"an item of a list": {
			"apiVersion: v1\nkind: List\nitems:\n- apiVersion: sagas.dev/v1alpha1\n  kind: SagaParticipant\n  metadata: {name: p}\n  spec:\n    topics: {}\n",
			[]string{`f.yaml:8 (SagaParticipant/p): spec.topics: Invalid value: name a topic for commands, for events, or both`},
		},
		"an item of a list of ours": {
			"apiVersion: sagas.dev/v1alpha1\nkind: SagaParticipantList\nitems:\n- apiVersion: sagas.dev/v1alpha1\n  kind: SagaParticipant\n  metadata: {name: p}\n  spec:\n    topics: {}\n",
			[]string{`f.yaml:8 (SagaParticipant/p): spec.topics: Invalid value: name a topic for commands, for events, or both`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, finding := range lintOf(t, manifests.Source{Name: "f.yaml", Text: tc.text}).Findings {
				got = append(got, finding.String())
			}
			if len(got) != len(tc.want) {
				t.Fatalf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tc.want[i]) {
					t.Errorf("found\n%s\nwant\n%s", got[i], tc.want[i])
				}
			}
		})
	}
}

const anOrder = `apiVersion: sagas.dev/v1alpha1
kind: OrderWorkflow
metadata: {name: one}
spec:
  customer: {id: c-1, name: Ada}
  currency: JPY
  definitionRef: {name: checkout}
  lines: [{sku: A, quantity: 1, unitPrice: "1.5"}]
  total: "1.5"
  payment: {method: tok}
  delivery: {address: [Street 1], city: Bonn, country: DE}
`

func TestAnOrderIsJudgedByItsAmountsAndItsSaga(t *testing.T) {
	report := lintOf(t, manifests.Source{Name: "c.yaml", Text: strings.Replace(catalogue, "required: [amount]", "required: [coupon]", 1)},
		manifests.Source{Name: "o.yaml", Text: anOrder}, manifests.Source{Name: "s.yaml", Text: run1})
	var got []string
	for _, finding := range report.Findings {
		got = append(got, finding.String())
	}
	want := []string{
		`o.yaml:4 (OrderWorkflow/one): spec: parameters break the schema: /coupon: is required`,
		`o.yaml:9 (OrderWorkflow/one): spec.total: "1.5" has 1 decimals, but JPY has 0`,
		`s.yaml:3 (Saga/one): metadata.name: the OrderWorkflow at o.yaml:3 has or makes a Saga of this name`,
		`s.yaml:6 (Saga/one): spec.params: parameters break the schema: /coupon: is required`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if report.Count(Error) != 4 || report.Objects != 4 {
		t.Errorf("%d errors in %d objects are counted", report.Count(Error), report.Objects)
	}
}

func TestTheSamplesAndExamplesHaveNoErrors(t *testing.T) {
	sources, err := manifests.Sources([]string{"../../config/samples", "../../examples"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	report := lintOf(t, sources...)
	if report.Objects < 10 || report.Passed < 10 || report.Count(Error) > 0 {
		t.Errorf("judged %d objects, passed %d over: %v", report.Objects, report.Passed, report.Findings)
	}
}
