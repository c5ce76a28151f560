package wire

import (
	"strings"
	"testing"
	"time"
)

var ten = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func testKeys(t testing.TB) *Keyring {
	t.Helper()
	keys, err := NewKeyring([]byte(strings.Repeat("k", MinKey)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// reserve is the first command of an order on the stable track.
func reserve() Command {
	return Command{
		Saga: Saga{
			Installation: "shop", UID: "0b7c3f1e-7d3c-4b59-9a0e-2f1f7a3b9c11", Namespace: "orders", Name: "order-81",
			IdempotencyKey: "shop/orders/order-81", BusinessKey: "81",
		},
		Step: "reserve-inventory", Direction: Forward, Round: 1, Attempt: 1, Type: "inventory.reserve",
		Data: []byte(`{"orderId":"81","lines":[{"sku":"A","quantity":2}]}`),
		Time: ten, Expiry: ten.Add(15 * time.Minute), ReplyTo: RepliesTopic("shop"), ReplyPartition: 3,
	}
}

// release undoes it, on the canary track, in a saga that continues a lost run.
func release() Command {
	c := reserve()
	c.Undoes = c.IdempotencyKey()
	c.CausationID = c.Saga.UID + "/charge-payment/forward/1/2"
	c.Direction, c.Attempt, c.Type, c.Expiry = Backward, 2, "inventory.release", time.Time{}
	c.Adopts, c.Canary = true, true
	return c
}

// releaseObserved undoes what inventory did by itself.
func releaseObserved() Command {
	c := release()
	c.Attempt, c.Adopts, c.Canary, c.Observed = 1, false, false, true
	return c
}

// reserved is the answer to reserve.
func reserved(t testing.TB) Reply {
	t.Helper()
	c := reserve()
	c.ReplyToken = testKeys(t).Token(c)
	r := ReplyTo(c)
	r.ID, r.Source, r.Time = "a-1", "/inventory", ten.Add(time.Second)
	r.Outcome, r.Body = Succeeded, []byte(`{"reservationId":"r-81"}`)
	return r
}

func confirmed() Event {
	s := reserve().Saga
	return Event{
		Saga: s, Step: "announce", ID: EventID(s, "announce", 1), Type: "order.confirmed", Time: ten,
		Data: []byte(`{"orderId":"81"}`), CausationID: s.UID + "/create-shipment/forward/1/1",
	}
}

// revoked takes confirmed back.
func revoked() Event {
	e := confirmed()
	e.ID, e.Type, e.CausationID = UndoingEventID(e.Saga, e.Step, 1), "order.revoked", e.Saga.UID+"/bill/forward/1/1"
	return e
}

// header returns the first value of the named header.
func header(m Message, name string) string {
	for _, h := range m.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// with returns m with the named header set to value, or without it where value is "".
func with(m Message, name, value string) Message {
	var headers []Header
	for _, h := range m.Headers {
		if h.Key != name {
			headers = append(headers, h)
		}
	}
	if value != "" {
		headers = append(headers, Header{Key: name, Value: []byte(value)})
	}
	m.Headers = headers
	return m
}
