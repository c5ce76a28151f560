package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// orders is a shop's namespace on a real API server, and what its order reconciler wrote there.
type orders struct {
	t         *testing.T
	api       client.WithWatch // past the reconciler: for the test itself
	namespace string
	clock     *clocktesting.FakePassiveClock

	statusWrites int
	refusal      error                   // what the API server answers to the making of a saga
	afterCreate  error                   // what the reconciler sees once its saga is made: a crash, as far as it can tell
	staleOrder   *v1alpha1.OrderWorkflow // what the cache has of the order, where it is behind
}

func newOrders(t *testing.T) *orders {
	t.Helper()
	plane := controlplane.ForTest(t)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api, err := client.NewWithWatch(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return &orders{
		t: t, api: api, namespace: plane.Namespace(t),
		clock: clocktesting.NewFakePassiveClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)),
	}
}

// reconcile runs the reconciler once on the order of this name, as after a restart: nothing is remembered between calls.
func (o *orders) reconcile(name string) error {
	o.t.Helper()
	r := &OrderWorkflowReconciler{Client: o.client(), Live: o.api, Clock: o.clock}
	_, err := r.Reconcile(o.t.Context(), ctrl.Request{NamespacedName: o.key(name)})
	return err
}

func (o *orders) mustReconcile(name string) {
	o.t.Helper()
	if err := o.reconcile(name); err != nil {
		o.t.Fatalf("reconciling: %v", err)
	}
}

// client is the reconciler's: it counts, shows an old cache where the test asks for one, and a settled saga as the cache
// keeps it.
func (o *orders) client() client.Client {
	return interceptor.NewClient(o.api, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, into client.Object, opts ...client.GetOption) error {
			if order, ok := into.(*v1alpha1.OrderWorkflow); ok && o.staleOrder != nil {
				o.staleOrder.DeepCopyInto(order)
				return nil
			}
			err := c.Get(ctx, key, into, opts...)
			if saga, ok := into.(*v1alpha1.Saga); ok {
				cached, transformErr := SagaCacheTransform(saga.DeepCopy())
				cached.(*v1alpha1.Saga).DeepCopyInto(saga)
				err = errors.Join(err, transformErr)
			}
			return err
		},
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			if o.refusal != nil {
				return o.refusal
			}
			return errors.Join(c.Create(ctx, obj, opts...), o.afterCreate)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, obj client.Object, opts ...client.SubResourceUpdateOption) error {
			o.statusWrites++
			return c.SubResource(sub).Update(ctx, obj, opts...)
		},
	})
}

func (o *orders) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: o.namespace, Name: name}
}

// place makes an order of 129.90 EUR, changed by edit.
func (o *orders) place(name string, edit ...func(*v1alpha1.OrderWorkflow)) *v1alpha1.OrderWorkflow {
	o.t.Helper()
	order := &v1alpha1.OrderWorkflow{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: o.namespace},
		Spec: v1alpha1.OrderWorkflowSpec{
			Customer: v1alpha1.OrderCustomer{ID: "c-17", Name: "Ada Muster"},
			Currency: "EUR",
			Lines:    []v1alpha1.OrderLine{{SKU: "TEA-100", Quantity: 2, UnitPrice: "64.95"}},
			Total:    "129.90",
			Payment:  v1alpha1.OrderPayment{Method: "tok_visa"},
			Delivery: v1alpha1.OrderDelivery{Address: []string{"Hauptstr. 1"}, City: "Berlin", Country: "DE"},
		},
	}
	for _, change := range edit {
		change(order)
	}
	o.must(o.api.Create(o.t.Context(), order))
	return order
}

func (o *orders) order(name string) *v1alpha1.OrderWorkflow {
	o.t.Helper()
	order := &v1alpha1.OrderWorkflow{}
	o.must(o.api.Get(o.t.Context(), o.key(name), order))
	return order
}

func (o *orders) saga(name string) *v1alpha1.Saga {
	o.t.Helper()
	saga := &v1alpha1.Saga{}
	o.must(o.api.Get(o.t.Context(), o.key(name), saga))
	return saga
}

// sagas is how many sagas there are, of any name.
func (o *orders) sagas() int {
	o.t.Helper()
	list := &v1alpha1.SagaList{}
	o.must(o.api.List(o.t.Context(), list, client.InNamespace(o.namespace)))
	return len(list.Items)
}

// moveSaga plays the saga's own controller: it stores a phase and steps.
func (o *orders) moveSaga(name string, phase v1alpha1.SagaPhase, steps ...v1alpha1.StepStatus) {
	o.t.Helper()
	saga := o.saga(name)
	saga.Status.Phase = phase
	saga.Status.Steps = steps
	o.must(o.api.Status().Update(o.t.Context(), saga))
}

// haltSaga stores, as the saga's own controller does, whether what the saga runs was changed under it.
func (o *orders) haltSaga(name string, halted bool) {
	o.t.Helper()
	saga := o.saga(name)
	condition := metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonProgressing}
	if halted {
		condition.Status, condition.Reason = metav1.ConditionTrue, v1alpha1.ReasonSpecChanged
	}
	meta.SetStatusCondition(&saga.Status.Conditions, condition)
	o.must(o.api.Status().Update(o.t.Context(), saga))
}

// settleSaga takes the saga's finalizer off: its end is announced.
func (o *orders) settleSaga(name string) {
	o.t.Helper()
	saga := o.saga(name)
	saga.Finalizers = nil
	o.must(o.api.Update(o.t.Context(), saga))
}

// loseSaga removes the saga as a restore without it would: its finalizer does not hold it.
func (o *orders) loseSaga(name string) {
	o.t.Helper()
	o.settleSaga(name)
	o.must(o.api.Delete(o.t.Context(), o.saga(name)))
}

func (o *orders) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

// expect checks phase and the reason of condition Stalled.
func (o *orders) expect(name string, phase v1alpha1.OrderPhase, stalled string) *v1alpha1.OrderWorkflow {
	o.t.Helper()
	order := o.order(name)
	got := meta.FindStatusCondition(order.Status.Conditions, v1alpha1.ConditionStalled)
	if got == nil || order.Status.Phase != phase || got.Reason != stalled {
		o.t.Fatalf("phase %q, Stalled %+v; want phase %q, reason %q (message: %s)", order.Status.Phase, got, phase, stalled, order.Status.Message)
	}
	return order
}

func answered(name, output string) v1alpha1.StepStatus {
	return v1alpha1.StepStatus{Name: name, State: v1alpha1.StepSucceeded, Output: &runtime.RawExtension{Raw: []byte(output)}}
}
