package controllers

import (
	"context"
	"testing"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

func TestTheOrderFollowsItsSagaByItself(t *testing.T) {
	o := newOrders(t)
	o.place("before-the-manager")
	startOrderManager(t, o)
	o.place("order-1")
	for _, name := range []string{"before-the-manager", "order-1"} {
		o.await(name, v1alpha1.OrderProcessing)
		o.moveSaga(name, v1alpha1.PhaseNeedsIntervention)
		o.await(name, v1alpha1.OrderNeedsAttention)
		o.moveSaga(name, v1alpha1.PhaseRunning)
		o.await(name, v1alpha1.OrderProcessing)
		o.haltSaga(name, true)
		o.await(name, v1alpha1.OrderNeedsAttention)
		o.haltSaga(name, false)
		o.await(name, v1alpha1.OrderProcessing)
		o.moveSaga(name, v1alpha1.PhaseCompleted)
		o.await(name, v1alpha1.OrderCompleted)
	}
}

func TestTheOrderNoticesByItselfThatItsSagaIsLost(t *testing.T) {
	o := newOrders(t)
	startOrderManager(t, o)
	o.place("order-1")
	o.await("order-1", v1alpha1.OrderProcessing)
	o.loseSaga("order-1")
	o.await("order-1", v1alpha1.OrderNeedsAttention)
	o.expect("order-1", v1alpha1.OrderNeedsAttention, v1alpha1.ReasonSagaLost)
}

// startOrderManager runs a manager with the order controller until the test ends.
func startOrderManager(t *testing.T, o *orders) {
	t.Helper()
	skip := true
	manager, err := ctrl.NewManager(controlplane.ForTest(t).Config(), ctrl.Options{
		Scheme:  o.api.Scheme(),
		Metrics: metricsserver.Options{BindAddress: "0"},
		// More than one manager of this test binary may run the controller.
		Controller: config.Controller{SkipNameValidation: &skip},
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{o.namespace: {}}},
	})
	o.must(err)
	r := &OrderWorkflowReconciler{Client: manager.GetClient(), Live: manager.GetAPIReader(), Clock: clock.RealClock{}}
	o.must(r.SetupWithManager(manager))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- manager.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the manager ended: %v", err)
		}
	})
}

// await polls until the order is in the phase.
func (o *orders) await(name string, phase v1alpha1.OrderPhase) {
	o.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for o.order(name).Status.Phase != phase {
		if time.Now().After(deadline) {
			o.t.Fatalf("order %s is still %q; want %q", name, o.order(name).Status.Phase, phase)
		}
		time.Sleep(20 * time.Millisecond) // between two polls
	}
}
