package expr

import (
	"testing"
)

// compiler is shared: compilers are safe for concurrent use.
func compiler(t testing.TB) *Compiler {
	t.Helper()
	c, err := New()
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return c
}

// order is the scope of the third step of an order, and orderValues what it reads.
var order = Scope{
	Steps: []string{"reserve-inventory", "charge-payment"},
	All:   []string{"reserve-inventory", "charge-payment", "create-shipment", "announce"},
}

// undoCharge is the scope of the second step's compensation.
var undoCharge = Scope{Steps: order.Steps[:1], Self: "charge-payment", All: order.All}

var orderValues = Values{
	Params: []byte(`{
		"orderId": "o-17", "quantity": 3, "amount": "12.50", "weight": 2.5, "whole": 4.0, "express": true, "note": null,
		"lines": [{"sku": "tea", "quantity": 2}, {"sku": "cup", "quantity": 1}],
		"address": {"city": "Łódź", "zip": "<90-001>"}
	}`),
	Outputs: map[string][]byte{"reserve-inventory": []byte(`{"reservationId": "r-81"}`)},
	Saga: map[string]string{"name": "order-17", "namespace": "shop", "uid": "u-1", "idempotencyKey": "prod/shop/order-17",
		"businessKey": "o-17"},
}
