package controllers

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/trigger"
)

// scene are triggers whose reading stands as the test says.
type scene struct{ state trigger.State }

func (*scene) Ensure(*v1alpha1.SagaTrigger, *trigger.Plan)        {}
func (*scene) Stop(types.NamespacedName)                          {}
func (*scene) Forget(types.NamespacedName)                        {}
func (*scene) Subscribe(func(types.NamespacedName))               {}
func (s *scene) State(types.NamespacedName) (trigger.State, bool) { return s.state, true }
func readingAs(status metav1.ConditionStatus, reason string) *scene {
	return &scene{trigger.State{
		Ready:   metav1.Condition{Status: status, Reason: reason, Message: "As it says"},
		Numbers: trigger.Numbers{Lag: 3, Started: 81, Refused: 1, Active: 12, LastStart: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
	}}
}

// triggered makes trigger x and lets it be looked at.
func (c *catalogue) triggered(s *scene, edit ...func(*v1alpha1.SagaTriggerSpec)) {
	c.t.Helper()
	x := &v1alpha1.SagaTrigger{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "x"},
		Spec:       v1alpha1.SagaTriggerSpec{Topic: "shop.orders", DefinitionRef: &v1alpha1.DefinitionReference{Name: "order"}},
	}
	for _, f := range edit {
		f(&x.Spec)
	}
	c.must(c.api.Create(c.t.Context(), x))
	if s == nil {
		return
	}
	compiler, err := expr.New()
	c.must(err)
	r := &SagaTriggerReconciler{Client: c.api, Expressions: compiler, Permitted: c.may, Orders: true, Triggers: s, Clock: c.clock}
	_, err = r.Reconcile(c.t.Context(), ctrl.Request{NamespacedName: c.key("x")})
	c.must(err)
}

// triggerObjects are the triggers that Git tools may meet, by how they came about; each is called x.
var triggerObjects = map[string]func(*catalogue){
	"new":                  func(c *catalogue) { c.triggered(nil) },
	"not-read-yet":         func(c *catalogue) { c.triggered(readingAs(metav1.ConditionUnknown, v1alpha1.ReasonPending)) },
	"reading":              func(c *catalogue) { c.triggered(readingAs(metav1.ConditionTrue, v1alpha1.ReasonReading)) },
	"throttled":            func(c *catalogue) { c.triggered(readingAs(metav1.ConditionFalse, v1alpha1.ReasonThrottled)) },
	"topic-missing":        func(c *catalogue) { c.triggered(readingAs(metav1.ConditionFalse, v1alpha1.ReasonTopicMissing)) },
	"broker-unavailable":   func(c *catalogue) { c.triggered(readingAs(metav1.ConditionFalse, v1alpha1.ReasonBrokerUnavailable)) },
	"waits-for-definition": func(c *catalogue) { c.triggered(readingAs(metav1.ConditionFalse, v1alpha1.ReasonDefinitionNotFound)) },
	"quota-exceeded":       func(c *catalogue) { c.triggered(readingAs(metav1.ConditionFalse, v1alpha1.ReasonQuotaExceeded)) },
	"suspended": func(c *catalogue) {
		c.triggered(readingAs(metav1.ConditionFalse, v1alpha1.ReasonSuspended), func(s *v1alpha1.SagaTriggerSpec) { s.Suspend = true })
	},
	"refused-expression": func(c *catalogue) {
		c.triggered(&scene{}, func(s *v1alpha1.SagaTriggerSpec) { s.Filter = "event.data.amount >" })
	},
	"refused-mapping": func(c *catalogue) {
		c.triggered(&scene{}, func(s *v1alpha1.SagaTriggerSpec) { s.Params = rawJSON(`{"a":"${params.a}"}`) })
	},
	"topic-not-permitted": func(c *catalogue) {
		c.may = permitting(c.t, c.namespace, "other.")
		c.triggered(&scene{})
	},
	"change-not-seen-yet": func(c *catalogue) {
		c.triggered(readingAs(metav1.ConditionTrue, v1alpha1.ReasonReading))
		x := &v1alpha1.SagaTrigger{}
		c.exists("x", x)
		x.Spec.Topic = "elsewhere"
		c.must(c.api.Update(c.t.Context(), x))
	},
}

func TestObjectsOfGitToolsSagaTrigger(t *testing.T) {
	for name, story := range triggerObjects {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			story(c)
			golden(t, c.api, c.key("x"), "SagaTrigger", name)
		})
	}
}
