package order

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// tea is an order of 129.90 EUR, changed by edit.
func tea(edit ...func(*v1alpha1.OrderWorkflow)) *v1alpha1.OrderWorkflow {
	o := &v1alpha1.OrderWorkflow{
		ObjectMeta: metav1.ObjectMeta{Name: "order-1001", Namespace: "shop", UID: "o-uid", Generation: 1},
		Spec: v1alpha1.OrderWorkflowSpec{
			Customer: v1alpha1.OrderCustomer{ID: "c-17", Name: "Ada Muster"},
			Currency: "EUR",
			Lines: []v1alpha1.OrderLine{
				{SKU: "TEA-100", Quantity: 2, UnitPrice: "12.50"},
				{SKU: "POT-7", Quantity: 1, UnitPrice: "104.9"},
			},
			Total:    "129.90",
			Payment:  v1alpha1.OrderPayment{Method: "tok_visa"},
			Delivery: v1alpha1.OrderDelivery{Address: []string{"Hauptstr. 1"}, City: "Berlin", PostalCode: "10115", Country: "DE"},
		},
	}
	for _, change := range edit {
		change(o)
	}
	return o
}

func money(currency, total string, lines ...v1alpha1.OrderLine) v1alpha1.OrderWorkflowSpec {
	return v1alpha1.OrderWorkflowSpec{Currency: currency, Total: total, Lines: lines}
}

func line(quantity int32, price string) v1alpha1.OrderLine {
	return v1alpha1.OrderLine{SKU: "A", Quantity: quantity, UnitPrice: price}
}

func TestCheck(t *testing.T) {
	const largest = "999999999999.999"
	for name, tc := range map[string]struct {
		spec v1alpha1.OrderWorkflowSpec
		want string // part of the error; empty where the order is right
	}{
		"a sum that matches is right":                  {spec: tea().Spec},
		"decimals may be left out":                     {spec: money("EUR", "25", line(2, "12.5"))},
		"what costs nothing is right":                  {spec: money("EUR", "0.00", line(3, "0"))},
		"yen have no decimals":                         {spec: money("JPY", "1200", line(3, "400"))},
		"dinars have three decimals":                   {spec: money("KWD", "0.375", line(3, "0.125"))},
		"tenths that no binary fraction holds add up":  {spec: money("EUR", "0.30", line(1, "0.10"), line(1, "0.20"))},
		"the largest amounts do not overflow":          {spec: money("KWD", largest, line(1, largest))},
		"a cent too much is wrong":                     {spec: money("EUR", "25.01", line(2, "12.50")), want: "total: the lines sum up to 25.00 EUR, but total is 25.01"},
		"a product beyond 64 bits is wrong, no wonder": {spec: money("KWD", largest, line(1000000, largest)), want: "sum up to 999999999999999000.000 KWD"},
		"yen with decimals are wrong":                  {spec: money("JPY", "1200.00", line(3, "400")), want: `total: "1200.00" has 2 decimals, but JPY has 0`},
		"a tenth of a cent is wrong":                   {spec: money("EUR", "1.00", line(8, "0.125")), want: `lines[0].unitPrice: "0.125" has 3 decimals, but EUR has 2`},
		"no line is wrong":                             {spec: money("EUR", "0"), want: "lines: an order needs at least one line"},
		"a negative quantity is wrong":                 {spec: money("EUR", "1", line(-1, "1")), want: "lines[0].quantity: -1 is less than 1"},
		"a negative price is wrong":                    {spec: money("EUR", "1", line(1, "2"), line(1, "-1")), want: `lines[1].unitPrice: "-1" is no decimal number`},
		"a comma is wrong":                             {spec: money("EUR", "1,00", line(1, "1")), want: `total: "1,00" is no decimal number`},
		"a point without decimals is wrong":            {spec: money("EUR", "1.", line(1, "1")), want: `total: "1." is no decimal number`},
		"no number is wrong":                           {spec: money("EUR", "", line(1, "1")), want: `total: "" is no decimal number`},
		"four decimals are wrong":                      {spec: money("CLF", "1.0000", line(1, "1")), want: "at most 3 can be told apart"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Check(tc.spec)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Check: %v; want %q", err, tc.want)
			}
		})
	}
}

func TestSagaOf(t *testing.T) {
	t.Run("the saga has the order's name, owner, definition, keys and params", func(t *testing.T) {
		o := tea(func(o *v1alpha1.OrderWorkflow) { o.Spec.IdempotencyKey = "shop-1001" })
		saga, err := SagaOf(o)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(saga.Spec.Params.Raw, &got); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"orderId":  "order-1001",
			"customer": map[string]any{"id": "c-17", "name": "Ada Muster"},
			"lines": []any{
				map[string]any{"sku": "TEA-100", "quantity": 2.0, "unitPrice": "12.50"},
				map[string]any{"sku": "POT-7", "quantity": 1.0, "unitPrice": "104.9"},
			},
			"payment": map[string]any{"method": "tok_visa"},
			"delivery": map[string]any{
				"name": "Ada Muster", "address": []any{"Hauptstr. 1"}, "city": "Berlin", "postalCode": "10115", "country": "DE",
			},
			"amount":   "129.90",
			"currency": "EUR",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("params (-want +got):\n%s", diff)
		}
		saga.Spec.Params = nil
		yes := true
		wantSaga := &v1alpha1.Saga{
			ObjectMeta: metav1.ObjectMeta{
				Name: "order-1001", Namespace: "shop",
				Finalizers: []string{"sagas.dev/saga"},
				OwnerReferences: []metav1.OwnerReference{{
					APIVersion: "sagas.dev/v1alpha1", Kind: "OrderWorkflow", Name: "order-1001", UID: "o-uid",
					Controller: &yes, BlockOwnerDeletion: &yes,
				}},
			},
			Spec: v1alpha1.SagaSpec{
				DefinitionRef:  &v1alpha1.DefinitionReference{Name: "order-fulfilment"},
				IdempotencyKey: "shop-1001", BusinessKey: "order-1001",
			},
		}
		if diff := cmp.Diff(wantSaga, saga); diff != "" {
			t.Errorf("saga (-want +got):\n%s", diff)
		}
	})
	t.Run("a name too long for a business key is left out, and a definition that is named is used", func(t *testing.T) {
		saga, err := SagaOf(tea(func(o *v1alpha1.OrderWorkflow) {
			o.Name = strings.Repeat("a", 64)
			o.Spec.DefinitionRef = &v1alpha1.DefinitionReference{Name: "express"}
		}))
		if err != nil {
			t.Fatal(err)
		}
		if saga.Spec.BusinessKey != "" || saga.Spec.DefinitionRef.Name != "express" {
			t.Errorf("businessKey %q, definition %q", saga.Spec.BusinessKey, saga.Spec.DefinitionRef.Name)
		}
	})
	t.Run("the largest order in letters of one byte fits into a saga's params", func(t *testing.T) {
		saga, err := SagaOf(largest())
		if err != nil {
			t.Fatal(err)
		}
		if size := len(saga.Spec.Params.Raw); size > v1alpha1.MaxParamsBytes {
			t.Errorf("%d bytes of params; at most %d are accepted", size, v1alpha1.MaxParamsBytes)
		}
	})
}

// largest is an order with every field at its bound.
func largest() *v1alpha1.OrderWorkflow {
	fill := func(n int) string { return strings.Repeat("x", n) }
	return tea(func(o *v1alpha1.OrderWorkflow) {
		o.Name = fill(128)
		o.Spec.Customer = v1alpha1.OrderCustomer{ID: fill(63), Name: fill(100), Email: fill(254)}
		o.Spec.Delivery = v1alpha1.OrderDelivery{
			Name: fill(100), Address: []string{fill(100), fill(100), fill(100), fill(100)},
			City: fill(100), PostalCode: fill(16), Country: "DE",
		}
		o.Spec.Payment.Method = fill(128)
		o.Spec.Lines = nil
		for i := range 100 {
			o.Spec.Lines = append(o.Spec.Lines, v1alpha1.OrderLine{
				SKU: fmt.Sprintf("%048d", i), Quantity: 1000000, UnitPrice: "999999999999.999",
			})
		}
	})
}
