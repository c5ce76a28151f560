package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// batch is a number of orders that a scenario starts together. Each fifth will be declined.
type batch struct {
	namespace, name string
	n               int
}

// labelBatch is on every saga of a batch.
const labelBatch = "e2e.sagas.dev/batch"

func (b batch) order(i int) string  { return fmt.Sprintf("%s-%03d", b.name, i) }
func (b batch) declined(i int) bool { return i%5 == 4 }

// start makes the orders of a batch, as sagas of the tests' own definition.
func (c *cluster) start(t *testing.T, b batch) {
	t.Helper()
	for i := range b.n {
		if err := c.client.Create(t.Context(), b.saga(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func (b batch) saga(i int) *v1alpha1.Saga {
	method := "tok_visa"
	if b.declined(i) {
		method = "tok_declined"
	}
	return &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: b.order(i), Labels: map[string]string{labelBatch: b.name}},
		Spec: v1alpha1.SagaSpec{
			DefinitionRef: &v1alpha1.DefinitionReference{Name: definitionName},
			Params: &runtime.RawExtension{Raw: fmt.Appendf(nil,
				`{"orderId":%q,"amount":"12.50","method":%q,"lines":[{"sku":"TEA-GREEN","quantity":1}]}`, b.order(i), method)},
		},
	}
}

func (c *cluster) sagas(t *testing.T, b batch) []v1alpha1.Saga {
	t.Helper()
	var list v1alpha1.SagaList
	if err := c.client.List(t.Context(), &list, client.InNamespace(b.namespace), client.MatchingLabels{labelBatch: b.name}); err != nil {
		t.Fatal(err)
	}
	return list.Items
}

// awaitAt waits until every order of a batch has a step in flight.
func (c *cluster) awaitAt(t *testing.T, b batch, step string) {
	t.Helper()
	eventually(t, time.Minute, fmt.Sprintf("%d orders at %s", b.n, step), func() string {
		at := 0
		for _, saga := range c.sagas(t, b) {
			for _, s := range saga.Status.Steps {
				if s.Name == step && s.State == v1alpha1.StepRunning {
					at++
				}
			}
		}
		if at < b.n {
			return fmt.Sprintf("%d are", at)
		}
		return ""
	})
}

// awaitEnds waits until every order of a batch has ended, and judges how.
func (c *cluster) awaitEnds(t *testing.T, b batch, within time.Duration) {
	t.Helper()
	eventually(t, within, fmt.Sprintf("the end of %d orders", b.n), func() string {
		sagas := c.sagas(t, b)
		var left []string
		for _, saga := range sagas {
			if phase := saga.Status.Phase; phase != v1alpha1.PhaseCompleted && phase != v1alpha1.PhaseCompensated {
				left = append(left, fmt.Sprintf("%s %s, waiting for %s", saga.Name, phase, saga.Status.WaitingFor))
			}
		}
		if len(sagas) == b.n && len(left) == 0 {
			return ""
		}
		return fmt.Sprintf("of %d, %d have not: %s", len(sagas), len(left), strings.Join(left[:min(len(left), 5)], "; "))
	})
	c.judge(t, b)
}

// judge checks that exactly the declined orders were undone, and that nothing was asked twice under two ids: neither what was
// taken away nor what came after it turned an order back or used up an attempt.
func (c *cluster) judge(t *testing.T, b batch) {
	t.Helper()
	for _, saga := range c.sagas(t, b) {
		var i int
		if _, err := fmt.Sscanf(strings.TrimPrefix(saga.Name, b.name), "-%d", &i); err != nil {
			t.Fatal(err)
		}
		want := v1alpha1.PhaseCompleted
		if b.declined(i) {
			want = v1alpha1.PhaseCompensated
		}
		if saga.Status.Phase != want {
			t.Errorf("%s is %s, cause %+v", saga.Name, saga.Status.Phase, saga.Status.Cause)
		}
		for _, step := range saga.Status.Steps {
			for direction, exchange := range map[string]*v1alpha1.Exchange{"action": step.Action, "compensation": step.Compensation} {
				if exchange != nil && (exchange.Attempt != 1 || exchange.Round != 1) {
					t.Errorf("%s: the %s of %s took round %d, attempt %d", saga.Name, direction, step.Name, exchange.Round, exchange.Attempt)
				}
			}
		}
	}
}
