package lint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/manifests"
)

const booked = `apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: checkout}
spec:
  parameters:
    type: object
    required: [id, num]
    additionalProperties: false
    properties: {id: {type: string, minLength: 3}, num: {type: integer, minimum: 1, maximum: 5}, tags: {type: array, uniqueItems: true}}
  steps: [{name: note, participant: payment, publish: {event: noted}, compensation: {policy: None}}]
---
apiVersion: sagas.dev/v1alpha1
kind: SagaParticipant
metadata: {name: payment}
spec: {topics: {events: payment.events}}
---
` + aTrigger

func messagesOf(t *testing.T, text string) (found []string) {
	t.Helper()
	for _, finding := range lintOf(t, manifests.Source{Name: "f.yaml", Text: text}).Findings {
		found = append(found, strings.TrimPrefix(finding.String(), "f.yaml:"))
	}
	return found
}

func TestParamsOfATriggerThatNoEventCanMakeFitAreFound(t *testing.T) {
	const says = `(SagaTrigger/orders): spec.params: whatever the event, parameters break the schema: `
	for params, want := range map[string][]string{
		`{id: "${event.id}", num: "${event.data.num}"}`:                                  nil,
		`{id: "o-${event.id}", num: 5, tags: ["${event.id}", "${event.type}", "$${x}"]}`: nil,
		`{id: "${event.id}", num: 9}`:                                                    {"23 " + says + "/num: must be at most 5, is 9"},
		`{id: ab, num: "${event.data.num}"}`:                                             {"23 " + says + "/id: must have at least 3 characters, has 2"},
		`{id: "${event.id}"}`:                                                            {"23 " + says + "/num: is required"},
		`{id: "${event.id}", num: 1, nmu: "${event.id}"}`:                                {"23 " + says + "/nmu: is not a known field"},
		``: {"20 " + says + "/id: is required; /num: is required"},
	} {
		text := booked
		if params != "" {
			text += "  params: " + params + "\n"
		}
		if diff := cmp.Diff(want, messagesOf(t, text)); diff != "" {
			t.Errorf("%s: %s", params, diff)
		}
	}
}

func TestWhereAnEventDecidesWhatElseIsAskedATriggerIsWarnedOf(t *testing.T) {
	text := strings.Replace(booked, "type: object\n", "type: object\n    oneOf: [{properties: {num: {const: 1}}}, {properties: {num: {const: 2}}}]\n", 1)
	want := []string{`24 (SagaTrigger/orders): warning: spec.params: for some events at least, ` +
		`parameters break the schema: /: matches the alternatives 0 and 1, only one is allowed (oneOf)`}
	if diff := cmp.Diff(want, messagesOf(t, text+"  params: {id: abc, num: \"${event.data.num}\"}\n")); diff != "" {
		t.Error(diff)
	}
}

const ofOrders = `apiVersion: sagas.dev/v1alpha1
kind: SagaTrigger
metadata: {name: orders}
spec:
  topic: orders
  order:
    customer: {id: "${event.data.customer}", name: Ada}
    currency: "${event.data.currency}"
    lines: [{sku: A, quantity: "${event.data.quantity}", unitPrice: "1.50"}]
    total: "${event.data.total}"
    payment: {method: tok}
    delivery: {address: [Street 1], city: Bonn, country: DE}
`

func TestAnOrderOfATriggerThatNoEventCanMakeFitIsFound(t *testing.T) {
	for name, tc := range map[string]struct{ old, with, want string }{
		"nothing is wrong": {},
		"a missing field":  {"city: Bonn, ", "", `12 (SagaTrigger/orders): spec.order.delivery.city: whatever the event, the order is refused: Required value`},
		"an unknown field": {"{method: tok}", "{method: tok, card: x}", `11 (SagaTrigger/orders): spec.order.payment.card: whatever the event, the order is refused: unknown field "spec.order.payment.card"`},
		"a bound":          {`"${event.data.quantity}"`, "0", `9 (SagaTrigger/orders): spec.order.lines[0].quantity: whatever the event, the order is refused: Invalid value: 0: `},
	} {
		got := strings.Join(messagesOf(t, strings.Replace(ofOrders, tc.old, tc.with, 1)), "\n")
		if tc.want == "" && got != "" || !strings.HasPrefix(got, tc.want) || strings.Contains(got, "\n") {
			t.Errorf("%s: found\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}
