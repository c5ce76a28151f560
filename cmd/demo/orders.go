package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// namespace that the orders live in.
const namespace = "default"

// pollInterval is how often the demo looks.
const pollInterval = 100 * time.Millisecond

// order is what the demo knows of one order and its saga.
type order struct {
	name, customer, total string
	order                 v1alpha1.OrderPhase
	saga                  v1alpha1.SagaPhase // empty while there is none
	waitingFor            string
	steps                 []v1alpha1.StepStatus
}

// final says whether the order has ended, however it ended.
func (o order) final() bool {
	switch o.order {
	case v1alpha1.OrderCompleted, v1alpha1.OrderCancelled, v1alpha1.OrderRejected:
		return true
	case v1alpha1.OrderPending, v1alpha1.OrderProcessing, v1alpha1.OrderNeedsAttention:
	}
	return false
}

// step returns the state of the named step.
func (o order) step(name string) v1alpha1.StepState {
	for _, s := range o.steps {
		if s.Name == name {
			return s.State
		}
	}
	return v1alpha1.StepNotStarted
}

func newClient(config *rest.Config) (client.Client, error) {
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("registering the resources: %w", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return c, nil
}

// readOrders returns all orders, sorted by name.
func readOrders(ctx context.Context, c client.Reader) ([]order, error) {
	var workflows v1alpha1.OrderWorkflowList
	if err := c.List(ctx, &workflows, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing orders: %w", err)
	}
	var sagas v1alpha1.SagaList
	if err := c.List(ctx, &sagas, client.InNamespace(namespace)); err != nil {
		return nil, fmt.Errorf("listing sagas: %w", err)
	}
	byName := map[string]*v1alpha1.Saga{}
	for i := range sagas.Items {
		byName[sagas.Items[i].Name] = &sagas.Items[i]
	}
	orders := make([]order, 0, len(workflows.Items))
	for i := range workflows.Items {
		orders = append(orders, orderOf(&workflows.Items[i], byName[workflows.Items[i].Name]))
	}
	slices.SortFunc(orders, func(a, b order) int { return strings.Compare(a.name, b.name) })
	return orders, nil
}

// orderOf joins an order with its saga, which may be nil.
func orderOf(w *v1alpha1.OrderWorkflow, s *v1alpha1.Saga) order {
	o := order{
		name: w.Name, customer: w.Spec.Customer.Name,
		total: w.Spec.Total + " " + w.Spec.Currency, order: w.Status.Phase,
	}
	if s != nil {
		o.saga, o.waitingFor, o.steps = s.Status.Phase, s.Status.WaitingFor, s.Status.Steps
	}
	return o
}

// watch shows the orders until they are as wanted. Its error names the orders that were not in the end.
func (d *demo) watch(ctx context.Context, what string, wanted func([]order) bool) ([]order, error) {
	var seen []order
	err := poll(ctx, what, func() (bool, error) {
		orders, err := readOrders(ctx, d.client)
		if err != nil {
			return false, whyEnded(ctx, err)
		}
		seen = orders
		d.screen.show(orders)
		return wanted(orders), nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, unfinished(seen))
	}
	return seen, nil
}

// whyEnded is the cause of the context's end, where it has ended: the error of a request that was cut off says less.
func whyEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func unfinished(orders []order) string {
	var b strings.Builder
	for _, o := range orders {
		if !o.final() {
			fmt.Fprintf(&b, "\n%s is %s, its saga %q, waiting for %q", o.name, o.order, o.saga, o.waitingFor)
		}
	}
	return b.String()
}

// allFinal says whether there are so many orders, and all have ended.
func allFinal(count int) func([]order) bool {
	return func(orders []order) bool {
		return len(orders) == count && !slices.ContainsFunc(orders, func(o order) bool { return !o.final() })
	}
}

// stepRunning says whether the named step of the named order is under way.
func stepRunning(name, step string) func([]order) bool {
	return func(orders []order) bool {
		return slices.ContainsFunc(orders, func(o order) bool {
			return o.name == name && o.step(step) == v1alpha1.StepRunning
		})
	}
}
