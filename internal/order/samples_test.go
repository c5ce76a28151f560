package order

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

const samples = "../../config/samples"

func sample[T any](t *testing.T, file string) *T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(samples, file))
	if err != nil {
		t.Fatal(err)
	}
	object := new(T)
	if err := yaml.UnmarshalStrict(text, object); err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	return object
}

// answers are what the sample services answer, by step and direction; what is not here is answered with success.
type answers map[string]engine.Replied

var services = answers{
	"reserve-inventory/forward": {Outcome: engine.Succeeded, Body: []byte(`{"reservationId":"r-1"}`)},
	"charge-payment/forward":    {Outcome: engine.Succeeded, Body: []byte(`{"paymentId":"p-1"}`)},
	"create-shipment/forward":   {Outcome: engine.Succeeded, Body: []byte(`{"shipmentId":"s-1"}`)},
}

// run plays an order through the engine and returns what was sent, and the order's phase in the end.
func run(t *testing.T, o *v1alpha1.OrderWorkflow, with answers) (sent []string, phase v1alpha1.OrderPhase) {
	t.Helper()
	program, params := compileSample(t, o)
	bound := program.For(engine.Saga{UID: "s-uid", Namespace: "shop", Name: o.Name, IdempotencyKey: "i/shop/" + o.Name, Params: params})
	state, _ := bound.Next(engine.State{}, noon, []engine.Event{engine.Started{}})
	for range 10 {
		commands, err := bound.Pending(state)
		if err != nil {
			t.Fatal(err)
		}
		if len(commands) == 0 {
			break
		}
		var events []engine.Event
		for _, c := range commands {
			sent = append(sent, c.Type+" "+string(c.Data))
			events = append(events, with.answer(c))
		}
		state, _ = bound.Next(state, noon, events)
	}
	saga := &v1alpha1.Saga{Status: engine.Summarize(program, state, engine.Facts{})}
	return sent, Summarize(o, saga, noon).Phase
}

func compileSample(t *testing.T, o *v1alpha1.OrderWorkflow) (*engine.Program, []byte) {
	t.Helper()
	if err := Check(o.Spec); err != nil {
		t.Fatal(err)
	}
	definition := sample[v1alpha1.SagaDefinition](t, "order-fulfilment.yaml")
	compiler, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	program, err := engine.Compile(definition.Spec, compiler)
	if err != nil {
		t.Fatal(err)
	}
	schema, err := expr.CompileSchema(definition.Spec.Parameters.Raw)
	if err != nil {
		t.Fatal(err)
	}
	saga, err := SagaOf(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(saga.Spec.Params.Raw); err != nil {
		t.Fatal(err)
	}
	return program, saga.Spec.Params.Raw
}

func (a answers) answer(c engine.Command) engine.Event {
	if c.Publish {
		return engine.Published{Step: c.Step}
	}
	reply, ok := a[c.Step+"/"+string(c.Direction)]
	if !ok {
		reply = engine.Replied{Outcome: engine.Succeeded, Body: []byte(`{}`)}
	}
	reply.Step, reply.Direction, reply.Round, reply.Attempt = c.Step, c.Direction, c.Round, c.Attempt
	return reply
}

func TestTheSampleOrders(t *testing.T) {
	declined := answers{"charge-payment/forward": {Outcome: engine.Failed, Body: []byte(`{"code":"CARD_DECLINED"}`)}}
	for file, tc := range map[string]struct {
		answers answers
		sent    []string
		phase   v1alpha1.OrderPhase
	}{
		"order-completes.yaml": {
			answers: services,
			sent: []string{
				`inventory.reserve {"lines":[{"quantity":2,"sku":"TEA-GREEN"},{"quantity":1,"sku":"KETTLE"}],"orderId":"order-1001"}`,
				`payment.charge {"amount":"129.90","currency":"EUR","method":"tok_visa","orderId":"order-1001"}`,
				`shipping.create {"address":{"address":["Hauptstr. 1"],"city":"Berlin","country":"DE","name":"Ada Muster","postalCode":"10115"},"orderId":"order-1001"}`,
				`order.confirmed {"orderId":"order-1001","shipmentId":"s-1"}`,
			},
			phase: v1alpha1.OrderCompleted,
		},
		"order-is-declined.yaml": {
			answers: declined,
			sent: []string{
				`inventory.reserve {"lines":[{"quantity":6,"sku":"MUG-BLUE"}],"orderId":"order-1002"}`,
				`payment.charge {"amount":"59.70","currency":"EUR","method":"tok_declined","orderId":"order-1002"}`,
				`inventory.release {"lines":[{"quantity":6,"sku":"MUG-BLUE"}],"orderId":"order-1002"}`,
			},
			phase: v1alpha1.OrderCancelled,
		},
		"order-survives.yaml": {
			answers: services,
			sent: []string{
				`inventory.reserve {"lines":[{"quantity":3,"sku":"TEA-BLACK"},{"quantity":2,"sku":"MUG-BLUE"}],"orderId":"order-1003"}`,
				`payment.charge {"amount":"7700","currency":"JPY","method":"tok_visa","orderId":"order-1003"}`,
				`shipping.create {"address":{"address":["2-11-3 Meguro"],"city":"Tokyo","country":"JP","name":"Dai Sample","postalCode":"153-0063"},"orderId":"order-1003"}`,
				`order.confirmed {"orderId":"order-1003","shipmentId":"s-1"}`,
			},
			phase: v1alpha1.OrderCompleted,
		},
	} {
		t.Run(file, func(t *testing.T) {
			sent, phase := run(t, sample[v1alpha1.OrderWorkflow](t, file), tc.answers)
			if diff := cmp.Diff(tc.sent, sent); diff != "" {
				t.Errorf("sent (-want +got):\n%s", diff)
			}
			if phase != tc.phase {
				t.Errorf("the order is %s; want %s", phase, tc.phase)
			}
		})
	}
}
