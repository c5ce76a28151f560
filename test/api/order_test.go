package api

import "strings"

const (
	orderIsFixed = "spec: Invalid value: an order cannot change: make a new order"
	wrongTotal   = "spec: Invalid value: total must be the sum of quantity × unitPrice of all lines"
)

var orderAttempts = join(orderCreations, orderChanges)

// sells is an order with this total and these lines, quantity and price in turn.
func sells(total string, quantitiesAndPrices ...any) attempt {
	var lines []any
	for i := 0; i+1 < len(quantitiesAndPrices); i += 2 {
		lines = append(lines, fields("sku", "A", "quantity", quantitiesAndPrices[i], "unitPrice", quantitiesAndPrices[i+1]))
	}
	return creating(order, set("spec/total", total), set("spec/lines", lines))
}

// hundred is a hundred lines of one piece each.
func hundred(price string) []any {
	var all []any
	for range 100 {
		all = append(all, 1, price)
	}
	return all
}

const largestAmount = "999999999999.999"

var orderCreations = map[string]attempt{
	"the example is accepted":                    creating(order),
	"only what an order must have":               creating(order, remove("spec/customer/email"), remove("spec/delivery/name"), remove("spec/delivery/postalCode"), remove("spec/definitionRef"), remove("spec/idempotencyKey")),
	"amounts without decimals":                   sells("12", 3, "4"),
	"decimals that are written differently":      sells("25", 2, "12.500"),
	"tenths add up exactly":                      sells("0.30", 1, "0.10", 1, "0.20"),
	"a thousandth":                               sells("1000", 1000000, "0.001"),
	"what costs nothing":                         sells("0", 5, "0.00"),
	"the largest amount":                         sells(largestAmount, 1, largestAmount),
	"a hundred lines":                            sells("100.00", hundred("1")...),
	"a cent too much":                            sells("25.01", 2, "12.50").refused(wrongTotal),
	"a thousandth too little":                    sells("24.999", 2, "12.50").refused(wrongTotal),
	"a product beyond 64 bits":                   sells(largestAmount, 1000000, largestAmount).refused(wrongTotal),
	"a sum beyond the largest amount":            sells(largestAmount, hundred(largestAmount)...).refused(wrongTotal),
	"the smallest total beside the dearest line": sells("0", 1, largestAmount).refused(wrongTotal),
	"no lines":                                   creating(order, set("spec/lines", []any{})).refused("spec.lines: Invalid value: 0: spec.lines in body should have at least 1 items"),
	"101 lines":                                  sells("101", append(hundred("1"), 1, "1")...).refused("spec.lines: Too many: 101: must have at most 100 items"),
	"a negative quantity": sells("1", -1, "1").
		refused("spec.lines[0].quantity: Invalid value: -1: spec.lines[0].quantity in body should be greater than or equal to 1"),
	"a quantity of zero": sells("0", 0, "1").
		refused("spec.lines[0].quantity: Invalid value: 0: spec.lines[0].quantity in body should be greater than or equal to 1"),
	"a currency of two letters": creating(order, set("spec/currency", "EU")).
		refused(`spec.currency: Invalid value: "EU": spec.currency in body should match '^[A-Z]{3}$'`),
	"a currency in small letters": creating(order, set("spec/currency", "eur")).
		refused(`spec.currency: Invalid value: "eur": spec.currency in body should match '^[A-Z]{3}$'`),
	"a negative price":         sells("-1", 1, "-1").refused(notMoney("spec.lines[0].unitPrice", "-1"), notMoney("spec.total", "-1")),
	"a price with a comma":     sells("1", 1, "1,00").refused(notMoney("spec.lines[0].unitPrice", "1,00")),
	"a price of four decimals": sells("1", 1, "1.0000").refused(notMoney("spec.lines[0].unitPrice", "1.0000")),
	"a price with an exponent": sells("100", 1, "1e2").refused(notMoney("spec.lines[0].unitPrice", "1e2")),
	"a price of 13 digits":     sells("1", 1, "1000000000000").refused(notMoney("spec.lines[0].unitPrice", "1000000000000"), wrongTotal),
	"a country of three letters": creating(order, set("spec/delivery/country", "DEU")).
		refused("spec.delivery.country: Too long: may not be more than 2 bytes"),
	"a name of 128 characters": creating(order, set("metadata/name", strings.Repeat("a", 128))),
	"a name of 129 characters": creating(order, set("metadata/name", strings.Repeat("a", 129))).refused(sagaName),
	"an unknown field": creating(order, set("spec/suspend", true)).
		refused(`OrderWorkflow in version "v1alpha1" cannot be handled as a OrderWorkflow: strict decoding error: unknown field "spec.suspend"`),
}

func notMoney(field, value string) string {
	return field + `: Invalid value: "` + value + `": ` + field + ` in body should match '^(0|[1-9][0-9]{0,11})(\.[0-9]{1,3})?$'`
}

var orderChanges = map[string]attempt{
	"labels may change":               updating(order, set("metadata/labels", fields("a", "b"))),
	"a line that is added":            updating(order, set("spec/lines/2", fields("sku", "B", "quantity", 1, "unitPrice", "0"))).refused(orderIsFixed),
	"lines that change places":        updating(order, swap("spec/lines")).refused(orderIsFixed),
	"another address":                 updating(order, set("spec/delivery/city", "Bonn")).refused(orderIsFixed),
	"an email that is taken away":     updating(order, remove("spec/customer/email")).refused(orderIsFixed),
	"another definition":              updating(order, set("spec/definitionRef/name", "other")).refused(orderIsFixed),
	"an idempotencyKey that goes":     updating(order, remove("spec/idempotencyKey")).refused(orderIsFixed),
	"a total that changes and is off": updating(order, set("spec/total", "1")).refused(orderIsFixed, wrongTotal),
}
