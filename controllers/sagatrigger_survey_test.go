package controllers

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// madeLast makes a saga of a trigger, as the leader before has done of whose last writes the cache shows nothing.
func (g *triggers) madeLast(name, trigger string) {
	g.t.Helper()
	g.must(g.api.Create(g.t.Context(), &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: name, Labels: map[string]string{
			v1alpha1.LabelTrigger: trigger, g.blindTo: "true",
		}},
		Spec: v1alpha1.SagaSpec{DefinitionRef: &v1alpha1.DefinitionReference{Name: "fulfil"}},
	}))
}

func (g *triggers) unfinished() (n int) {
	for _, saga := range g.sagas() {
		if !final(saga.Status.Phase) {
			n++
		}
	}
	return n
}

func TestANewLeaderCountsWhatItsCacheDoesNotShow(t *testing.T) {
	g := newTriggers(t)
	g.blindTo = "made-last"
	g.define("fulfil")
	g.madeLast("a", "placed")
	g.madeLast("b", "placed")
	g.madeLast("c", "placed")
	g.madeLast("d", "other")
	g.complete("c")
	g.publish("1", "2", "3")
	g.make(func(s *v1alpha1.SagaTriggerSpec) { s.MaxActive = ptr.To[int32](3) })
	g.run()
	g.awaitReady(v1alpha1.ReasonThrottled)
	if n := g.unfinished(); n != 3 {
		t.Errorf("%d sagas are unfinished, though maxActive is 3", n)
	}
}

func TestNothingStartsBeforeTheUnfinishedWereCounted(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.silence(true)
	g.make()
	g.run()
	g.publish("1")
	g.awaitReady(v1alpha1.ReasonStartsFailing)
	if n := len(g.sagas()); n != 0 {
		t.Errorf("%d sagas, though nobody knows how many there are", n)
	}
	g.silence(false)
	g.awaitSagas(1)
	g.awaitReady(v1alpha1.ReasonReading)
}

func TestOrdersCountWhereOrdersAreUsed(t *testing.T) {
	for name, c := range map[string]struct {
		noOrders bool
		reason   string
		sagas    int
	}{
		"used":     {false, v1alpha1.ReasonThrottled, 0},
		"not used": {true, v1alpha1.ReasonReading, 1}, // the manager may not even list them
	} {
		t.Run(name, func(t *testing.T) {
			g := newTriggers(t)
			g.blindTo, g.noOrders = "made-last", c.noOrders
			g.define("fulfil")
			(&orders{t: t, api: g.api, namespace: g.namespace}).place("o", func(o *v1alpha1.OrderWorkflow) {
				o.Labels = map[string]string{v1alpha1.LabelTrigger: "placed", g.blindTo: "true"}
			})
			g.publish("1")
			g.make(func(s *v1alpha1.SagaTriggerSpec) { s.MaxActive = ptr.To[int32](1) })
			g.run()
			if c.sagas > 0 {
				g.awaitSagas(c.sagas)
			}
			g.awaitReady(c.reason)
			if n := len(g.sagas()); n != c.sagas {
				t.Errorf("%d sagas, want %d", n, c.sagas)
			}
		})
	}
}
