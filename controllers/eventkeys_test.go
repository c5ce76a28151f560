package controllers

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/topicwatch"
)

// keyed makes a participant that publishes events, with what they are correlated by.
func (c *catalogue) keyed(name, key string) {
	c.t.Helper()
	c.must(c.api.Create(c.t.Context(), &v1alpha1.SagaParticipant{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Events: name + ".events"}, EventKey: key},
	}))
}

func TestAParticipantIsToldThatItsEventKeyDoesNotCompile(t *testing.T) {
	for name, test := range map[string]struct{ key, says string }{
		"one that compiles":        {"event.data.orderId", ""},
		"one that reads a saga":    {"saga.businessKey", "spec.eventKey: 1:1: undeclared reference to 'saga'"},
		"one that is no text":      {"event.data.lines.map(l, l.sku)", "spec.eventKey: 1:"},
		"one that is spliced":      {"${event.data.orderId}", "leave ${ and } around it away"},
		"one that is cut off":      {"event.data.", "spec.eventKey: 1:"},
		"one of an unknown member": {"event.orderId", "orderId"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			c.keyed("inventory", test.key)
			c.verdict = topicwatch.Verdict{Reason: v1alpha1.ReasonTopicsFound, Message: "All topics are there"}
			c.settleParticipant("inventory")
			conditions := c.participant("inventory").Status.Conditions
			status, reason, stalled := metav1.ConditionTrue, v1alpha1.ReasonAccepted, metav1.ConditionFalse
			if test.says != "" {
				status, reason, stalled = metav1.ConditionFalse, v1alpha1.ReasonInvalidExpression, metav1.ConditionTrue
			}
			accepted := meta.FindStatusCondition(conditions, v1alpha1.ConditionAccepted)
			if accepted.Status != status || accepted.Reason != reason || !strings.Contains(accepted.Message, test.says) {
				t.Errorf("Accepted is %+v; want %s, %s, saying %q", accepted, status, reason, test.says)
			}
			if ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); ready.Status != status {
				t.Errorf("Ready is %+v; want %s", ready, status)
			}
			if got := meta.FindStatusCondition(conditions, v1alpha1.ConditionStalled); got.Status != stalled {
				t.Errorf("Stalled is %+v; want %s", got, stalled)
			}
			if found := meta.FindStatusCondition(conditions, v1alpha1.ConditionTopicsReady); found.Status != metav1.ConditionTrue {
				t.Errorf("TopicsReady is %+v", found)
			}
		})
	}
}

func TestADefinitionWaitsForTheTopicAndTheKeyOfTheEventsThatItListensFor(t *testing.T) {
	for name, test := range map[string]struct {
		participate func(c *catalogue)
		says        string
	}{
		"no topic":               {func(c *catalogue) { c.participate("a") }, `SagaParticipant "a" names no topic for events`},
		"a key without a result": {func(c *catalogue) { c.keyed("a", "event.") }, `SagaParticipant "a" is not accepted: spec.eventKey: `},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCatalogue(t)
			test.participate(c)
			c.participate("b")
			c.must(c.api.Create(t.Context(), &v1alpha1.SagaDefinition{
				ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "order"}, Spec: *awaiting("x", "o-1").Spec.Definition,
			}))
			c.reconcile(c.definitions(), "order")
			accepted := meta.FindStatusCondition(c.definition("order").Status.Conditions, v1alpha1.ConditionAccepted)
			if accepted.Status != metav1.ConditionUnknown || !strings.Contains(accepted.Message, test.says) {
				t.Errorf("Accepted is %+v; want it to say %q", accepted, test.says)
			}
		})
	}
}
