package controllers

import (
	"errors"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestAnOrderIsWrittenWhenItStartsAndWhenItEnds(t *testing.T) {
	o := newOrders(t)
	placed := o.place("order-1")
	o.mustReconcile("order-1")

	saga := o.saga("order-1")
	started := o.expect("order-1", v1alpha1.OrderProcessing, v1alpha1.ReasonProgressing)
	if started.Status.SagaUID != string(saga.UID) || !metav1.IsControlledBy(saga, placed) || started.Status.Total != "129.90 EUR" {
		t.Errorf("status %+v of an order whose saga is %s, controlled by %v", started.Status, saga.UID, saga.OwnerReferences)
	}
	if len(saga.Finalizers) != 1 || saga.Finalizers[0] != v1alpha1.FinalizerSaga {
		t.Errorf("finalizers %v; want the saga's own, on it from the start", saga.Finalizers)
	}

	o.moveSaga("order-1", v1alpha1.PhaseRunning, answered("reserve-inventory", `{"reservationId":"r-1"}`))
	o.mustReconcile("order-1")
	o.moveSaga("order-1", v1alpha1.PhaseCompleted, answered("reserve-inventory", `{"reservationId":"r-1"}`),
		answered("charge-payment", `{"paymentId":"p-1"}`), answered("create-shipment", `{"shipmentId":"s-1"}`))
	o.mustReconcile("order-1")
	o.mustReconcile("order-1")

	ended := o.expect("order-1", v1alpha1.OrderCompleted, v1alpha1.ReasonCompleted)
	if s := ended.Status; s.ReservationID != "r-1" || s.PaymentID != "p-1" || s.ShipmentID != "s-1" {
		t.Errorf("ids %q, %q, %q", s.ReservationID, s.PaymentID, s.ShipmentID)
	}
	if o.statusWrites != 2 {
		t.Errorf("%d status writes; want 2", o.statusWrites)
	}
}

func TestAnOrderThatNeedsAPersonCostsTwoMoreWrites(t *testing.T) {
	o := newOrders(t)
	o.place("order-1")
	o.mustReconcile("order-1")
	for _, phase := range []v1alpha1.SagaPhase{
		v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating, v1alpha1.PhaseNeedsIntervention, v1alpha1.PhaseCompensating, v1alpha1.PhaseCompensated,
	} {
		o.moveSaga("order-1", phase)
		o.mustReconcile("order-1")
		o.mustReconcile("order-1")
		if phase == v1alpha1.PhaseNeedsIntervention {
			o.expect("order-1", v1alpha1.OrderNeedsAttention, v1alpha1.ReasonNeedsIntervention)
		}
	}
	o.expect("order-1", v1alpha1.OrderCancelled, v1alpha1.ReasonCompensated)
	if o.statusWrites != 4 {
		t.Errorf("%d status writes; want 4: start, wait, end of the wait, end", o.statusWrites)
	}
}

func TestACrashAfterTheSagaWasMadeFindsItAgain(t *testing.T) {
	o := newOrders(t)
	o.place("order-1")
	o.afterCreate = errors.New("crashed")
	if err := o.reconcile("order-1"); err == nil {
		t.Fatal("the crash was not seen")
	}
	first := o.saga("order-1")
	o.afterCreate = nil
	o.moveSaga("order-1", v1alpha1.PhaseCompleted, answered("charge-payment", `{"paymentId":"p-1"}`))
	o.mustReconcile("order-1")

	order := o.expect("order-1", v1alpha1.OrderCompleted, v1alpha1.ReasonCompleted)
	if order.Status.SagaUID != string(first.UID) || order.Status.PaymentID != "p-1" || o.sagas() != 1 {
		t.Errorf("saga %q, payment %q, %d sagas; want %q, p-1 and 1", order.Status.SagaUID, order.Status.PaymentID, o.sagas(), first.UID)
	}
}

func TestALostSagaIsNeverMadeAgain(t *testing.T) {
	for name, cacheIsOld := range map[string]bool{
		"when the cache knows its uid":                         false,
		"when the cache still shows an order without any saga": true,
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrders(t)
			placed := o.place("order-1")
			o.mustReconcile("order-1")
			o.loseSaga("order-1")
			if cacheIsOld {
				o.staleOrder = placed
			}
			o.mustReconcile("order-1")
			o.mustReconcile("order-1")
			o.expect("order-1", v1alpha1.OrderNeedsAttention, v1alpha1.ReasonSagaLost)
			if got := o.sagas(); got != 0 {
				t.Errorf("%d sagas; want none", got)
			}
		})
	}
}

func TestASagaMadeUnderTheNameOfALostOneIsNotFollowed(t *testing.T) {
	o := newOrders(t)
	o.place("order-1")
	o.mustReconcile("order-1")
	again := o.saga("order-1")
	o.loseSaga("order-1")
	again.ResourceVersion, again.UID = "", ""
	o.must(o.api.Create(t.Context(), again))
	o.moveSaga("order-1", v1alpha1.PhaseCompleted)
	o.mustReconcile("order-1")
	o.expect("order-1", v1alpha1.OrderNeedsAttention, v1alpha1.ReasonSagaLost)
}

func TestAForeignSagaHoldsTheNameUntilItIsGone(t *testing.T) {
	o := newOrders(t)
	earlier := o.place("order-1")
	o.mustReconcile("order-1") // its saga outlives it here: nothing collects garbage
	o.must(o.api.Delete(t.Context(), earlier))
	o.place("order-1")

	o.mustReconcile("order-1")
	o.mustReconcile("order-1")
	taken := o.expect("order-1", v1alpha1.OrderNeedsAttention, v1alpha1.ReasonSagaNameTaken)
	if taken.Status.SagaUID != "" || o.statusWrites != 2 {
		t.Errorf("saga %q and %d status writes; want none and 2", taken.Status.SagaUID, o.statusWrites)
	}
	o.loseSaga("order-1")
	o.mustReconcile("order-1")
	o.expect("order-1", v1alpha1.OrderProcessing, v1alpha1.ReasonProgressing)
}

func TestAnEndedSagaThatTheCacheKeepsAsAStubIsReadLive(t *testing.T) {
	o := newOrders(t)
	o.place("order-1")
	o.mustReconcile("order-1")
	o.moveSaga("order-1", v1alpha1.PhaseCompleted, answered("create-shipment", `{"shipmentId":"s-1"}`))
	o.settleSaga("order-1")
	o.mustReconcile("order-1")
	if got := o.expect("order-1", v1alpha1.OrderCompleted, v1alpha1.ReasonCompleted).Status.ShipmentID; got != "s-1" {
		t.Errorf("shipment %q; want s-1", got)
	}
}

func TestAWrongOrderIsRejectedAndMakesNoSaga(t *testing.T) {
	o := newOrders(t)
	o.place("order-1", func(order *v1alpha1.OrderWorkflow) { order.Spec.Currency = "JPY" }) // which has no decimals
	o.mustReconcile("order-1")
	o.mustReconcile("order-1")
	o.expect("order-1", v1alpha1.OrderRejected, v1alpha1.ReasonInvalidOrder)
	if o.sagas() != 0 || o.statusWrites != 1 {
		t.Errorf("%d sagas, %d status writes; want 0 and 1", o.sagas(), o.statusWrites)
	}
}

func TestASagaThatTheAPIServerRefuses(t *testing.T) {
	kind, resource := v1alpha1.GroupVersion.WithKind("Saga").GroupKind(), schema.GroupResource{Group: "sagas.dev", Resource: "sagas"}
	for name, tc := range map[string]struct {
		refusal error
		again   bool // it is tried again by itself
		phase   v1alpha1.OrderPhase
		stalled string
	}{
		"for what it says is shown, and waits for a person": {
			refusal: apierrors.NewInvalid(kind, "order-1", field.ErrorList{field.Required(field.NewPath("spec"), "")}),
			phase:   v1alpha1.OrderNeedsAttention, stalled: v1alpha1.ReasonSagaUnavailable,
		},
		"for lack of quota is tried again": {
			refusal: apierrors.NewForbidden(resource, "order-1", errors.New("exceeded quota")), again: true,
			phase: v1alpha1.OrderPending, stalled: v1alpha1.ReasonProgressing,
		},
		"because the namespace goes is left alone": {
			refusal: &apierrors.StatusError{ErrStatus: metav1.Status{
				Reason:  metav1.StatusReasonForbidden,
				Details: &metav1.StatusDetails{Causes: []metav1.StatusCause{{Type: corev1.NamespaceTerminatingCause}}},
			}},
			phase: v1alpha1.OrderPending, stalled: v1alpha1.ReasonProgressing,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrders(t)
			o.place("order-1")
			o.refusal = tc.refusal
			if err := o.reconcile("order-1"); (err != nil) != tc.again {
				t.Errorf("reconciling: %v; want an error, and so another try: %v", err, tc.again)
			}
			o.expect("order-1", tc.phase, tc.stalled)
			o.refusal = nil
			o.mustReconcile("order-1")
			o.expect("order-1", v1alpha1.OrderProcessing, v1alpha1.ReasonProgressing)
		})
	}
}

func TestAnOldDecisionDoesNotOverwriteANewerStatus(t *testing.T) {
	o := newOrders(t)
	o.place("order-1")
	o.mustReconcile("order-1")
	o.staleOrder = o.order("order-1")
	o.moveSaga("order-1", v1alpha1.PhaseNeedsIntervention)
	o.mustReconcile("order-1")
	o.moveSaga("order-1", v1alpha1.PhaseCompleted)
	if err := o.reconcile("order-1"); err == nil {
		t.Fatal("a write from an old order went through")
	}
	o.expect("order-1", v1alpha1.OrderNeedsAttention, v1alpha1.ReasonNeedsIntervention)
}

func TestAnOrderThatIsGoneOrGoingIsLeftAlone(t *testing.T) {
	o := newOrders(t)
	o.mustReconcile("never-made")
	going := o.place("order-1", func(order *v1alpha1.OrderWorkflow) { order.Finalizers = []string{"example.com/wait"} })
	o.must(o.api.Delete(t.Context(), going))
	o.mustReconcile("order-1")
	if o.sagas() != 0 || o.statusWrites != 0 {
		t.Errorf("%d sagas, %d status writes; want none", o.sagas(), o.statusWrites)
	}
}
