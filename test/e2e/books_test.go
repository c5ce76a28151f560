package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// books is the part of what the services' own audit prints that is checked here.
type books struct {
	Balanced bool        `json:"balanced"`
	Problems []string    `json:"problems"`
	Orders   []bookEntry `json:"orders"`
	Commands []served    `json:"commands"`
}

// served is a command that came to a service.
type served struct {
	ID         string `json:"id"`
	Deliveries int64  `json:"deliveries"`
}

// bookEntry is what the services did for one order, in sums.
type bookEntry struct {
	OrderID  string `json:"orderId"`
	State    string `json:"state"`
	Reserved int64  `json:"reserved"`
	Released int64  `json:"released"`
	Charged  string `json:"charged"`
	Refunded string `json:"refunded"`
	Shipped  int64  `json:"shipped"`
}

// whole says what is wrong with an order that should be complete, or undone without a rest.
func (e bookEntry) whole(state string) error {
	undone := e.Released == e.Reserved && e.Refunded == e.Charged && e.Shipped == 0
	complete := e.Released == 0 && e.Shipped == 1 && e.Reserved > 0
	if e.State != state || state == "undone" && !undone || state == "complete" && !complete {
		return fmt.Errorf("the books have it not as %s: %+v", state, e)
	}
	return nil
}

// readBooks has the services audit themselves: no effect doubled, none half undone, no id that came with other bytes.
func (c *cluster) readBooks(t *testing.T) books {
	t.Helper()
	c.kubectl(t, "rollout", "status", "-n", shop, "deployment/inventory", "--timeout=1m")
	out, err := c.run(t.Context(), "kubectl", "exec", "-n", shop, "deployment/inventory", "--", "/sample-services", "books", "-o", "json")
	var b books
	if unreadable := json.Unmarshal([]byte(out), &b); unreadable != nil {
		t.Fatalf("reading the books: %v, %v", err, unreadable)
	}
	if err != nil || !b.Balanced {
		t.Fatalf("the books do not balance: %q (%v)", b.Problems, err)
	}
	return b
}

// balanced checks the books of a batch: each order once, complete or undone, and no command beyond the few that it needs.
// aborted says that none of them was to be completed.
func (c *cluster) balanced(t *testing.T, b batch, aborted bool) {
	t.Helper()
	read := c.readBooks(t)
	entries := map[string]bookEntry{}
	for _, e := range read.Orders {
		entries[e.OrderID] = e
	}
	for i := range b.n {
		state := "complete"
		if aborted || b.declined(i) {
			state = "undone"
		}
		if e, ok := entries[b.order(i)]; !ok {
			t.Errorf("%s is not in the books", b.order(i))
		} else if err := e.whole(state); err != nil {
			t.Errorf("%s: %v", b.order(i), err)
		}
	}
	repeated := 0
	for _, command := range read.Commands {
		if command.Deliveries > 1 {
			repeated++
		}
	}
	t.Logf("the books of %d orders balance; of %d commands so far %d came more than once", len(read.Orders), len(read.Commands), repeated)
}

// served says whether a command came to its service.
func (b books) served(id string) bool {
	return slices.ContainsFunc(b.Commands, func(c served) bool { return c.ID == id })
}
