package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/participant"
	"github.com/sagas-dev/saga-operator/participant/participanttest"
)

type ask = participanttest.Ask

const (
	inventoryTopic = "inventory.commands"
	paymentTopic   = "payment.commands"
	shippingTopic  = "shipping.commands"
)

func reserveFor(order string) ask {
	return ask{Saga: order, Step: "reserve-inventory", Type: "inventory.reserve",
		Data: fmt.Sprintf(`{"orderId":%q,"lines":[{"sku":"TEA-GREEN","quantity":2},{"sku":"KETTLE","quantity":1}]}`, order)}
}

func chargeFor(order, method string) ask {
	return ask{Saga: order, Step: "charge-payment", Type: "payment.charge",
		Data: fmt.Sprintf(`{"orderId":%q,"amount":"12.50","currency":"EUR","method":%q}`, order, method)}
}

func shipFor(order string) ask {
	return ask{Saga: order, Step: "create-shipment", Type: "shipping.create",
		Data: fmt.Sprintf(`{"orderId":%q,"address":{"street":"Kanal 1","city":"Bremen"}}`, order)}
}

func undoOf(a ask, command string) ask {
	a.Backward, a.Type = true, command
	return a
}

func TestOrdersRunAndAreUndoneThroughThreeProcesses(t *testing.T) {
	data := t.TempDir()
	op := participanttest.Start(t, inventoryTopic, paymentTopic, shippingTopic)
	for _, name := range []string{"inventory", "payment", "shipping"} {
		startService(t, name, data, op.Brokers())
	}
	want := func(topic string, a ask, outcome, code string) participanttest.Answer {
		t.Helper()
		got := op.Ask(t, topic, a)
		if got.Outcome != outcome || got.Code != code {
			t.Errorf("%s was answered %s %s, want %s %s", a.ID(), got.Outcome, got.Code, outcome, code)
		}
		return got
	}
	// o-1 completes.
	first := want(inventoryTopic, reserveFor("o-1"), "succeeded", "")
	want(paymentTopic, chargeFor("o-1", "tok_visa"), "succeeded", "")
	want(shippingTopic, shipFor("o-1"), "succeeded", "")
	if again := want(inventoryTopic, reserveFor("o-1"), "succeeded", ""); again != first {
		t.Errorf("the repeated command was answered %+v, want the same as at first, %+v", again, first)
	}
	// o-2 is declined and undone.
	want(inventoryTopic, reserveFor("o-2"), "succeeded", "")
	want(paymentTopic, chargeFor("o-2", declinedToken), "failed", "CARD_DECLINED")
	want(inventoryTopic, undoOf(reserveFor("o-2"), "inventory.release"), "succeeded", "")
	want(inventoryTopic, reserveFor("o-2"), "failed", participant.CodeUndone)
	// o-3 is charged, then refunded by the key alone.
	want(paymentTopic, chargeFor("o-3", "tok_visa"), "succeeded", "")
	refund := undoOf(chargeFor("o-3", ""), "payment.refund")
	refund.Data = "{}"
	want(paymentTopic, refund, "succeeded", "")
	// Refused: sold out after a line that is not, no such currency, unknown command.
	sold := reserveFor("o-4")
	sold.Data = `{"orderId":"o-4","lines":[{"sku":"KETTLE","quantity":1},{"sku":"UNICORN","quantity":1}]}`
	want(inventoryTopic, sold, "failed", "OUT_OF_STOCK")
	wrong := chargeFor("o-5", "tok_visa")
	wrong.Data = `{"orderId":"o-5","amount":"1.005","currency":"EUR","method":"tok_visa"}`
	want(paymentTopic, wrong, "failed", participant.CodeInvalidInput)
	want(shippingTopic, ask{Saga: "o-6", Type: "shipping.cancel"}, "failed", participant.CodeUnknownCommand)

	r, ok := books(t, data)
	if !ok || !r.Balanced {
		t.Errorf("the books are off: %q", r.Problems)
	}
	orders := []orderReport{
		{OrderID: "o-1", State: stateComplete, Reserved: 3, Charged: "12.50", Refunded: "0.00", Currency: "EUR", Shipped: 1},
		{OrderID: "o-2", State: stateUndone, Reserved: 3, Released: 3, Charged: "0.00", Refunded: "0.00"},
		{OrderID: "o-3", State: stateUndone, Charged: "12.50", Refunded: "12.50", Currency: "EUR"},
	}
	if diff := cmp.Diff(orders, r.Orders); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
}

func TestServicesWaitForTheirTopicAndEndOnSIGTERM(t *testing.T) {
	op := participanttest.Start(t, inventoryTopic)
	p := startService(t, "payment", t.TempDir(), op.Brokers(), "--commands-topic", "late.commands")
	inventory := startService(t, "inventory", t.TempDir(), op.Brokers())
	if got := op.Ask(t, inventoryTopic, reserveFor("o-1")); got.Outcome != "succeeded" {
		t.Errorf("answered %+v", got)
	}
	if err := inventory.terminate(t); err != nil {
		t.Errorf("a service that was asked to end ended with %v", err)
	}
	if p.cmd.ProcessState != nil {
		t.Error("a service without a topic did not wait for it")
	}
	if err := p.terminate(t); err != nil {
		t.Errorf("a service that waits for its topic ended with %v", err)
	}
}

// TestKilledServicesLoseNothing kills both services again and again while commands and their repetitions come in,
// undoing among them, and then asks everything once more.
func TestKilledServicesLoseNothing(t *testing.T) {
	data := t.TempDir()
	op := participanttest.Start(t, inventoryTopic, paymentTopic)
	flags := []string{"--latency", "5ms", "--parallel", "4"}
	running := map[string]*process{}
	restart := func(name string) {
		if p := running[name]; p != nil {
			p.kill(t)
		}
		running[name] = startService(t, name, data, op.Brokers(), flags...)
	}
	restart("inventory")
	restart("payment")
	var inventory, payment []ask
	for i := range 30 {
		order := fmt.Sprintf("o-%02d", i)
		inventory = append(inventory, reserveFor(order), reserveFor(order))
		payment = append(payment, chargeFor(order, "tok_visa"))
		if i%3 == 0 {
			inventory = append(inventory, undoOf(reserveFor(order), "inventory.release"))
			payment = append(payment, undoOf(chargeFor(order, "tok_visa"), "payment.refund"))
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	random.Shuffle(len(inventory), func(i, j int) { inventory[i], inventory[j] = inventory[j], inventory[i] })
	for i := range 4 {
		op.Send(t, inventoryTopic, inventory[i*len(inventory)/4:(i+1)*len(inventory)/4]...)
		op.Send(t, paymentTopic, payment[i*len(payment)/4:(i+1)*len(payment)/4]...)
		awaitAnswers(t, op, 1+random.IntN(6))
		restart([]string{"inventory", "payment"}[i%2])
	}
	open := map[string]bool{}
	op.Send(t, inventoryTopic, inventory...)
	op.Send(t, paymentTopic, payment...)
	for _, a := range slices.Concat(inventory, payment) {
		open[a.ID()] = true
	}
	for len(open) > 0 {
		delete(open, op.Next(t).CommandID)
	}
	if r, ok := books(t, data); !ok || !r.Balanced || len(r.Commands) != 30*2+2*10 {
		t.Errorf("exit code 0: %t, %d commands, off: %q", ok, len(r.Commands), r.Problems)
	}
}

func awaitAnswers(t *testing.T, op *participanttest.Operator, n int) {
	t.Helper()
	for range n {
		op.Next(t)
	}
}

func TestACommandThatComesWithOtherBytesIsReported(t *testing.T) {
	data := t.TempDir()
	op := participanttest.Start(t, inventoryTopic)
	startService(t, "inventory", data, op.Brokers())
	op.Ask(t, inventoryTopic, reserveFor("o-1"))
	other := reserveFor("o-1")
	other.Expiry = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	op.Ask(t, inventoryTopic, other)
	r, ok := books(t, data)
	if ok || r.Balanced || len(r.Conflicts) != 1 || r.Conflicts[0].ID != other.ID() {
		t.Errorf("exit code 0: %t, conflicts: %+v", ok, r.Conflicts)
	}
}

func TestAServiceThatStartsBeforeItsBrokerWaits(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("looking for a port: %v", err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	if err := free.Close(); err != nil {
		t.Fatalf("giving the port back: %v", err)
	}
	p := startService(t, "inventory", t.TempDir(), []string{fmt.Sprintf("127.0.0.1:%d", port)})
	p.awaitLog(t, "Waiting for broker and topics")
	op := participanttest.StartAt(t, port, inventoryTopic)
	if got := op.Ask(t, inventoryTopic, reserveFor("o-1")); got.Outcome != "succeeded" {
		t.Errorf("answered %+v", got)
	}
}
