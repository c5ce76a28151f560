package controllers

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	clocktesting "k8s.io/utils/clock/testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// shop is a namespace in which orders are fulfilled by sagas of two steps, at a and b.
type shop struct {
	*sagas
	*orders
}

func newShop(t *testing.T) *shop {
	s := newSagas(t)
	s.participants("a", "b")
	s.define("order-fulfilment")
	return &shop{sagas: s, orders: &orders{t: t, api: s.api, namespace: s.namespace, clock: clocktesting.NewFakePassiveClock(s.now)}}
}

// look lets the order, then its saga, then the order again be looked at.
func (s *shop) look() {
	s.sagas.t.Helper()
	s.orders.mustReconcile("x")
	if s.orders.sagas() > 0 {
		s.sagas.mustReconcile("x")
		s.flush()
		s.orders.mustReconcile("x")
	}
}

// order places an order and lets it be looked at.
func (s *shop) placed(edit ...func(*v1alpha1.OrderWorkflow)) {
	s.place("x", edit...)
	s.look()
}

// hears lets a participant answer.
func (s *shop) hears(participant string, outcome wire.Outcome, body any) {
	s.answer(participant, outcome, body)
	s.look()
}

// orderObjects are the orders that Git tools may meet, by how they came about; each is called x.
var orderObjects = map[string]func(*shop){
	"new":        func(s *shop) { s.place("x") },
	"processing": func(s *shop) { s.placed() },
	"undoing": func(s *shop) {
		s.placed()
		s.hears("a", wire.Succeeded, nil)
		s.hears("b", wire.Failed, declined)
	},
	"completed": func(s *shop) {
		s.placed()
		s.hears("a", wire.Succeeded, nil)
		s.hears("b", wire.Succeeded, nil)
	},
	"cancelled": func(s *shop) {
		s.placed()
		s.hears("a", wire.Succeeded, nil)
		s.hears("b", wire.Failed, declined)
		s.hears("a", wire.Succeeded, nil)
	},
	"needs-decision": func(s *shop) {
		s.placed()
		s.hears("a", wire.Succeeded, nil)
		s.hears("b", wire.Failed, declined)
		s.hears("a", wire.Failed, broken)
	},
	"key-used": func(s *shop) {
		s.placed()
		s.hears("a", wire.Failed, keyUsed)
	},
	"rejected-order": func(s *shop) {
		s.placed(func(o *v1alpha1.OrderWorkflow) {
			o.Spec.Lines[0].UnitPrice, o.Spec.Total = "64.955", "129.91"
		})
	},
	"rejected-saga": func(s *shop) {
		s.place("first", func(o *v1alpha1.OrderWorkflow) { o.Spec.IdempotencyKey = "order-1" })
		s.orders.mustReconcile("first")
		s.sagas.mustReconcile("first")
		s.placed(func(o *v1alpha1.OrderWorkflow) { o.Spec.IdempotencyKey = "order-1" })
	},
	"saga-lost":       func(s *shop) { s.placed(); s.vanish("x"); s.orders.mustReconcile("x") },
	"saga-name-taken": func(s *shop) { s.sagas.create(twoSteps("x")); s.place("x"); s.orders.mustReconcile("x") },
	"saga-refused": func(s *shop) {
		s.refusal = apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("Saga").GroupKind(), "x", nil)
		s.place("x")
		s.orders.mustReconcile("x")
	},
	"deleting": func(s *shop) {
		s.placed(func(o *v1alpha1.OrderWorkflow) { o.Finalizers = []string{"foregroundDeletion"} })
		if err := s.orders.api.Delete(s.orders.t.Context(), s.order("x")); err != nil {
			s.orders.t.Fatal(err)
		}
	},
}

func TestObjectsOfGitToolsOrderWorkflow(t *testing.T) {
	for name, story := range orderObjects {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			story(s)
			golden(t, s.orders.api, s.orders.key("x"), "OrderWorkflow", name)
		})
	}
}
