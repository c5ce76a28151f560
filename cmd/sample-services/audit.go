package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// entry is one line of a service's books, whatever the service: positive for what was done, negative for undone.
type entry struct {
	service  string
	key      string // forward key
	order    string
	amount   int64  // pieces, the currency's smallest unit, or shipments
	currency string // payment only
}

// keyRecord is what a service knows of one forward key besides its books.
type keyRecord struct {
	service, key      string
	undone            bool // as the inbox has it
	forward, backward int  // how often an effect was committed
}

// stockRecord is one article.
type stockRecord struct {
	SKU       string `json:"sku"`
	Seeded    int64  `json:"seeded"`
	Available int64  `json:"available"`
	Reserved  int64  `json:"reserved"` // by what the movements say
}

// received is one command id, with the digest of what it came with first.
type received struct {
	Service    string `json:"service"`
	ID         string `json:"id"`
	Digest     string `json:"digest"`
	Deliveries int64  `json:"deliveries"`
}

// conflict is a command id that came with other bytes than before.
type conflict struct {
	Service string `json:"service"`
	ID      string `json:"id"`
	Digest  string `json:"digest"`
}

// ledgers are the books of all services, as they are stored.
type ledgers struct {
	entries   []entry
	keys      []keyRecord
	stock     []stockRecord
	commands  []received
	conflicts []conflict
}

// Order states. Open: something was done, nothing was undone, nothing was shipped yet.
const (
	stateComplete = "complete"
	stateUndone   = "undone"
	stateOpen     = "open"
	stateOff      = "off"
)

// orderReport is what the services did for one order, in sums.
type orderReport struct {
	OrderID  string `json:"orderId"`
	State    string `json:"state"`
	Reserved int64  `json:"reserved"` // pieces
	Released int64  `json:"released"`
	Charged  string `json:"charged"` // decimal
	Refunded string `json:"refunded"`
	Currency string `json:"currency"`
	Shipped  int64  `json:"shipped"` // shipments
}

// report is the outcome of an audit.
type report struct {
	Balanced  bool          `json:"balanced"`
	Problems  []string      `json:"problems"`
	Orders    []orderReport `json:"orders"`
	Stock     []stockRecord `json:"stock"`
	Commands  []received    `json:"commands"`
	Conflicts []conflict    `json:"conflicts"`
}

// audit checks the books: no I/O. Orders come sorted by id.
func audit(b ledgers) report {
	r := report{Problems: []string{}, Orders: []orderReport{}, Stock: b.stock, Commands: b.commands, Conflicts: b.conflicts}
	r.Problems = append(r.Problems, effectedTwice(b.keys)...)
	r.Problems = append(r.Problems, stockOff(b.stock)...)
	for _, c := range b.conflicts {
		r.Problems = append(r.Problems, fmt.Sprintf("%s: command %s came with other bytes (%s)", c.Service, c.ID, c.Digest))
	}
	off, undone := leftBehind(b)
	byOrder := map[string][]entry{}
	for _, e := range b.entries {
		byOrder[e.order] = append(byOrder[e.order], e)
	}
	for _, order := range slices.Sorted(maps.Keys(byOrder)) {
		o := sumsOf(order, byOrder[order])
		o.State = stateOf(o, off[order], undone[order])
		r.Orders = append(r.Orders, o)
		r.Problems = append(r.Problems, off[order]...)
	}
	r.Balanced = len(r.Problems) == 0
	return r
}

func effectedTwice(keys []keyRecord) []string {
	var problems []string
	for _, k := range keys {
		if k.forward > 1 {
			problems = append(problems, fmt.Sprintf("%s: key %s took effect %d times", k.service, k.key, k.forward))
		}
		if k.backward > 1 {
			problems = append(problems, fmt.Sprintf("%s: key %s was undone %d times", k.service, k.key, k.backward))
		}
	}
	return problems
}

func stockOff(stock []stockRecord) []string {
	var problems []string
	for _, s := range stock {
		if s.Seeded-s.Available != s.Reserved {
			problems = append(problems, fmt.Sprintf("inventory: %s has %d of %d left, but %d are reserved", s.SKU, s.Available, s.Seeded, s.Reserved))
		}
	}
	return problems
}

// runOf is the saga's part of a forward key: without step, direction and round.
func runOf(key string) string {
	for range 3 {
		if i := strings.LastIndexByte(key, '/'); i >= 0 {
			key = key[:i]
		}
	}
	return key
}

// leftBehind finds, by order, what a run that was undone anywhere has left in any service; and which orders have
// such a run. An order may have several runs: one that was undone, and another that succeeded later.
func leftBehind(b ledgers) (off map[string][]string, undone map[string]bool) {
	undoneRuns := map[string]bool{}
	for _, k := range b.keys {
		if k.undone || k.backward > 0 {
			undoneRuns[runOf(k.key)] = true
		}
	}
	type held struct{ order, service, key, currency string }
	net := map[held]int64{}
	for _, e := range b.entries {
		net[held{e.order, e.service, e.key, e.currency}] += e.amount
	}
	off, undone = map[string][]string{}, map[string]bool{}
	for h, amount := range net {
		if !undoneRuns[runOf(h.key)] && amount >= 0 {
			continue
		}
		undone[h.order] = true
		if amount != 0 {
			off[h.order] = append(off[h.order], fmt.Sprintf("%s: order %s was undone, but %d %s are left under key %s",
				h.service, h.order, amount, unitOf(h.service, h.currency), h.key))
		}
	}
	for _, problems := range off {
		slices.Sort(problems)
	}
	return off, undone
}

func unitOf(service, currency string) string {
	switch service {
	case "payment":
		return "smallest units of " + currency
	case "shipping":
		return "shipments"
	}
	return "pieces"
}

func sumsOf(order string, entries []entry) orderReport {
	o := orderReport{OrderID: order}
	var charged, refunded int64
	for _, e := range entries {
		done, undone := max(e.amount, 0), max(-e.amount, 0)
		switch {
		case e.service == "inventory":
			o.Reserved, o.Released = o.Reserved+done, o.Released+undone
		case e.service == "payment":
			charged, refunded, o.Currency = charged+done, refunded+undone, e.currency
		default:
			o.Shipped += done
		}
	}
	o.Charged, o.Refunded = formatAmount(charged, o.Currency), formatAmount(refunded, o.Currency)
	return o
}

func stateOf(o orderReport, problems []string, undone bool) string {
	switch {
	case len(problems) > 0:
		return stateOff
	case o.Shipped > 0:
		return stateComplete
	case undone:
		return stateUndone
	}
	return stateOpen
}
