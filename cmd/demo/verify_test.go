package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

const goodBooks = `{"balanced": true, "problems": [], "orders": [
	{"orderId": "order-1001", "state": "complete", "reserved": 3, "charged": "129.90", "refunded": "0.00", "shipped": 1},
	{"orderId": "order-1002", "state": "undone", "reserved": 6, "released": 6, "charged": "0.00", "refunded": "0.00"},
	{"orderId": "order-1003", "state": "complete", "reserved": 5, "charged": "7700", "refunded": "0", "shipped": 1}]}`

func TestTheBooksAreJudged(t *testing.T) {
	for name, c := range map[string]struct{ replace, by, want string }{
		"as they should be":                        {},
		"something is left of what was undone":     {`"released": 6`, `"released": 5`, "do not fit how it ended"},
		"an order was shipped twice":               {`"7700", "refunded": "0", "shipped": 1`, `"7700", "refunded": "0", "shipped": 2`, "do not fit"},
		"an order is missing":                      {`{"orderId": "order-1001", "state": "complete", "reserved": 3, "charged": "129.90", "refunded": "0.00", "shipped": 1},`, ``, "2 orders, not 3"},
		"an order that should be complete is open": {`"order-1003", "state": "complete"`, `"order-1003", "state": "open"`, "order-1003 as open"},
		"the services' own audit finds a problem":  {`true, "problems": []`, `false, "problems": ["twice"]`, "twice"},
	} {
		t.Run(name, func(t *testing.T) {
			var b books
			if err := json.Unmarshal([]byte(strings.Replace(goodBooks, c.replace, c.by, 1)), &b); err != nil {
				t.Fatal(err)
			}
			assertError(t, checkBooks(b), c.want)
		})
	}
}

func goodOrders() []order {
	var orders []order
	for _, e := range endings {
		orders = append(orders, order{name: e.name, order: e.order, saga: e.saga})
	}
	return orders
}

func TestTheOrdersAreJudged(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]order) []order
		want   string
	}{
		"as they should be": {func(o []order) []order { return o }, ""},
		"one is missing":    {func(o []order) []order { return o[1:] }, "2 orders, not 3"},
		"the declined one completed": {func(o []order) []order {
			o[1].order, o[1].saga = v1alpha1.OrderCompleted, v1alpha1.PhaseCompleted
			return o
		}, "order-1002 ended as Completed"},
		"the last one was undone": {func(o []order) []order {
			o[2].order, o[2].saga = v1alpha1.OrderCancelled, v1alpha1.PhaseCompensated
			return o
		}, "order-1003 ended as Cancelled"},
	} {
		t.Run(name, func(t *testing.T) { assertError(t, checkOrders(c.change(goodOrders())), c.want) })
	}
}

// assertError checks that err holds the text; an empty text means that there must be none.
func assertError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("unexpected: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want an error about %q", err, want)
	}
}
