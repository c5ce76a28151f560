package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// ending is how an order of config/samples must end.
type ending struct {
	name  string
	order v1alpha1.OrderPhase
	saga  v1alpha1.SagaPhase
	books string // state of the order in the services' books
}

// endings of all orders, in the order of their names.
var endings = []ending{
	{name: "order-1001", order: v1alpha1.OrderCompleted, saga: v1alpha1.PhaseCompleted, books: "complete"},
	{name: "order-1002", order: v1alpha1.OrderCancelled, saga: v1alpha1.PhaseCompensated, books: "undone"},
	{name: "order-1003", order: v1alpha1.OrderCompleted, saga: v1alpha1.PhaseCompleted, books: "complete"},
}

// books is the part of what sample-services books prints as JSON that is checked here.
type books struct {
	Balanced bool     `json:"balanced"`
	Problems []string `json:"problems"`
	Orders   []struct {
		OrderID  string `json:"orderId"`
		State    string `json:"state"`
		Reserved int64  `json:"reserved"`
		Released int64  `json:"released"`
		Charged  string `json:"charged"`
		Refunded string `json:"refunded"`
		Shipped  int64  `json:"shipped"`
	} `json:"orders"`
}

// checkOrders compares how the orders ended with how they should have.
func checkOrders(orders []order) error {
	if len(orders) != len(endings) {
		return fmt.Errorf("there are %d orders, not %d", len(orders), len(endings))
	}
	var errs []error
	for i, want := range endings {
		got := orders[i]
		if got.name != want.name || got.order != want.order || got.saga != want.saga {
			errs = append(errs, fmt.Errorf("%s ended as %s, its saga as %s; expected %s %s and %s",
				got.name, got.order, got.saga, want.name, want.order, want.saga))
		}
	}
	return errors.Join(errs...)
}

// checkBooks judges the services' books against the endings.
func checkBooks(b books) error {
	var errs []error
	if !b.Balanced {
		errs = append(errs, fmt.Errorf("the books do not balance: %q", b.Problems))
	}
	if len(b.Orders) != len(endings) {
		return errors.Join(append(errs, fmt.Errorf("the books hold %d orders, not %d", len(b.Orders), len(endings)))...)
	}
	for i, want := range endings {
		got := b.Orders[i]
		if got.OrderID != want.name || got.State != want.books {
			errs = append(errs, fmt.Errorf("the books have %s as %s; expected %s as %s", got.OrderID, got.State, want.name, want.books))
		}
		undone := got.Released == got.Reserved && got.Refunded == got.Charged && got.Shipped == 0
		whole := got.Released == 0 && got.Shipped == 1
		if want.books == "undone" && !undone || want.books == "complete" && !whole {
			errs = append(errs, fmt.Errorf("the books of %s do not fit how it ended: %+v", got.OrderID, got))
		}
	}
	return errors.Join(errs...)
}

// readBooks asks the services' own audit, which looks into their databases.
func (d *demo) readBooks(ctx context.Context) (books, error) {
	out, err := exec.CommandContext(ctx, d.bin.services, "books", "--data", d.dataDir(), "--output", "json").Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || len(out) == 0) { // it ends with 1 also where the books do not balance
		return books{}, fmt.Errorf("reading the books: %w", whyEnded(ctx, err))
	}
	var b books
	if err := json.Unmarshal(out, &b); err != nil {
		return books{}, fmt.Errorf("reading the books: %w", err)
	}
	return b, nil
}
