package main

import (
	"strings"
	"testing"
)

const (
	reserveKey = "main/shop/o-1/reserve-inventory/forward/1"
	chargeKey  = "main/shop/o-1/charge-payment/forward/1"
	shipKey    = "main/shop/o-1/create-shipment/forward/1"
)

func TestAudit(t *testing.T) {
	reservedEntry := entry{"inventory", reserveKey, "o-1", 3, ""}
	chargedEntry := entry{"payment", chargeKey, "o-1", 1250, "EUR"}
	shippedEntry := entry{"shipping", shipKey, "o-1", 1, ""}
	back := func(e entry) entry { e.amount = -e.amount; return e }
	once := func(service, key string) keyRecord { return keyRecord{service, key, false, 1, 0} }
	undoneOnce := func(service, key string) keyRecord { return keyRecord{service, key, true, 1, 1} }
	rows := map[string]struct {
		books ledgers
		state string
		off   []string // parts of the problems, in their order
	}{
		"an order that went through is complete": {
			ledgers{entries: []entry{reservedEntry, chargedEntry, shippedEntry},
				keys: []keyRecord{once("inventory", reserveKey), once("payment", chargeKey), once("shipping", shipKey)}}, stateComplete, nil},
		"an order under way is open": {
			ledgers{entries: []entry{reservedEntry}, keys: []keyRecord{once("inventory", reserveKey)}}, stateOpen, nil},
		"an order that left nothing is undone": {
			ledgers{entries: []entry{reservedEntry, back(reservedEntry)}, keys: []keyRecord{undoneOnce("inventory", reserveKey)}}, stateUndone, nil},
		"undoing in one service and not in another is off": {
			ledgers{entries: []entry{reservedEntry, chargedEntry, back(chargedEntry)},
				keys: []keyRecord{once("inventory", reserveKey), undoneOnce("payment", chargeKey)}}, stateOff, []string{"3 pieces are left"}},
		"a tombstone counts as undoing": {
			ledgers{entries: []entry{reservedEntry}, keys: []keyRecord{once("inventory", reserveKey), {"payment", chargeKey, true, 0, 0}}},
			stateOff, []string{"3 pieces are left"}},
		"a shipment of an order that was undone is off": {
			ledgers{entries: []entry{chargedEntry, back(chargedEntry), shippedEntry},
				keys: []keyRecord{undoneOnce("payment", chargeKey), once("shipping", shipKey)}}, stateOff, []string{"1 shipments are left"}},
		"giving back more than was taken is off": {
			ledgers{entries: []entry{chargedEntry, back(chargedEntry), back(chargedEntry)},
				keys: []keyRecord{undoneOnce("payment", chargeKey)}}, stateOff, []string{"-1250 smallest units of EUR are left"}},
		"a key that took effect twice is off": {
			ledgers{entries: []entry{chargedEntry, chargedEntry}, keys: []keyRecord{{"payment", chargeKey, false, 2, 0}}},
			stateOpen, []string{"took effect 2 times"}},
		"stock that does not add up is off": {
			ledgers{entries: []entry{reservedEntry}, stock: []stockRecord{{"TEA-GREEN", 10, 8, 3}}}, stateOpen, []string{"8 of 10 left, but 3 are reserved"}},
		"a command that came with other bytes is off": {
			ledgers{entries: []entry{reservedEntry}, conflicts: []conflict{{"inventory", "id", "sha256:0"}}}, stateOpen, []string{"came with other bytes"}},
		"another run of the same order may succeed after one was undone": {
			ledgers{entries: []entry{reservedEntry, back(reservedEntry), {"inventory", "main/shop/o-1b/reserve-inventory/forward/1", "o-1", 3, ""}},
				keys: []keyRecord{undoneOnce("inventory", reserveKey)}}, stateUndone, nil},
	}
	for name, tc := range rows {
		t.Run(name, func(t *testing.T) {
			r := audit(tc.books)
			if r.Balanced != (len(tc.off) == 0) || len(r.Problems) != len(tc.off) {
				t.Fatalf("balanced: %t, problems: %q, want %q", r.Balanced, r.Problems, tc.off)
			}
			for i, part := range tc.off {
				if !strings.Contains(r.Problems[i], part) {
					t.Errorf("problem %q does not say %q", r.Problems[i], part)
				}
			}
			if len(r.Orders) != 1 || r.Orders[0].State != tc.state {
				t.Errorf("orders: %+v, want one that is %s", r.Orders, tc.state)
			}
		})
	}
}

func TestAmounts(t *testing.T) {
	rows := map[string]struct {
		amount, currency string
		want             int64 // -1: refused
		printed          string
	}{
		"two decimals":                       {"12.50", "EUR", 1250, "12.50"},
		"one decimal is filled up":           {"12.5", "EUR", 1250, "12.50"},
		"no decimals are filled up":          {"12", "EUR", 1200, "12.00"},
		"less than one":                      {"0.05", "EUR", 5, "0.05"},
		"nothing":                            {"0.00", "EUR", 0, "0.00"},
		"a currency without decimals":        {"1200", "JPY", 1200, "1200"},
		"a currency with three decimals":     {"1.005", "KWD", 1005, "1.005"},
		"a currency with four decimals":      {"1.234", "CLF", 12340, "1.2340"},
		"a unit of account without decimals": {"1200", "UYI", 1200, "1200"},
		"decimals that the currency has not": {"1.5", "JPY", -1, ""},
		"a third decimal":                    {"1.005", "EUR", -1, ""},
		"a negative amount":                  {"-1.00", "EUR", -1, ""},
		"an exponent":                        {"1e3", "EUR", -1, ""},
		"no digits before the point":         {".50", "EUR", -1, ""},
		"two points":                         {"1.2.3", "EUR", -1, ""},
		"more digits than fit":               {"99999999999999.00", "EUR", -1, ""},
		"no amount":                          {"", "EUR", -1, ""},
		"a currency of two letters":          {"1.00", "EU", -1, ""},
	}
	for name, tc := range rows {
		t.Run(name, func(t *testing.T) {
			got, err := parseAmount(tc.amount, tc.currency)
			if (err != nil) != (tc.want < 0) {
				t.Fatalf("parsing %q %s: %d, error %v", tc.amount, tc.currency, got, err)
			}
			if err != nil {
				return
			}
			if got != tc.want {
				t.Errorf("parsed %q %s as %d, want %d", tc.amount, tc.currency, got, tc.want)
			}
			if printed := formatAmount(got, tc.currency); printed != tc.printed {
				t.Errorf("printed %q, want %q", printed, tc.printed)
			}
		})
	}
}

func TestFlagsComeFromTheEnvironmentUnlessGiven(t *testing.T) {
	c := newInventory()
	if err := c.Flags().Parse([]string{"--group", "mine"}); err != nil {
		t.Fatalf("parsing: %v", err)
	}
	environment := map[string]string{"SAGA_BROKERS": "a:1,b:2", "SAGA_COMMANDS_TOPIC": "t", "SAGA_GROUP": "theirs"}
	err := fromEnvironment(c.Flags(), func(name string) (string, bool) { v, ok := environment[name]; return v, ok })
	if err != nil {
		t.Fatalf("reading the environment: %v", err)
	}
	for flag, want := range map[string]string{"brokers": "[a:1,b:2]", "commands-topic": "t", "group": "mine"} {
		if got := c.Flag(flag).Value.String(); got != want {
			t.Errorf("--%s is %s, want %s", flag, got, want)
		}
	}
	environment["SAGA_LATENCY"] = "soon"
	err = fromEnvironment(c.Flags(), func(name string) (string, bool) { v, ok := environment[name]; return v, ok })
	if err == nil || !strings.Contains(err.Error(), "SAGA_LATENCY") {
		t.Errorf("got %v, want an error that names SAGA_LATENCY", err)
	}
}
