package controllers

import (
	"context"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/revision"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// definition is one as it is stored.
func (g *triggers) definition(name string) *v1alpha1.SagaDefinition {
	g.t.Helper()
	def := &v1alpha1.SagaDefinition{}
	g.must(g.api.Get(g.t.Context(), types.NamespacedName{Namespace: g.namespace, Name: name}, def))
	return def
}

// newest waits until a definition has another revision than that, and returns its name.
func (g *triggers) newest(definition, than string) (name string) {
	g.t.Helper()
	kafkatest.Eventually(g.t, "another revision", func() bool {
		name = g.definition(definition).Status.Revision
		return name != than
	})
	return name
}

// redefine changes a definition: its step has that timeout.
func (g *triggers) redefine(definition string, timeout time.Duration) {
	g.t.Helper()
	def := g.definition(definition)
	patch := client.MergeFrom(def.DeepCopy())
	def.Spec.Steps[0].Action.Timeout = &metav1.Duration{Duration: timeout}
	g.must(g.api.Patch(g.t.Context(), def, patch))
}

// revision is the one that redefine would bring. It is not made.
func (g *triggers) revision(definition string, timeout time.Duration) *appsv1.ControllerRevision {
	g.t.Helper()
	def := g.definition(definition)
	def.Spec.Steps[0].Action.Timeout = &metav1.Duration{Duration: timeout}
	rev, err := revision.New(def, 2, 0)
	g.must(err)
	return rev
}

// awaitUnused waits until a revision counts as used by nobody, or as used.
func (g *triggers) awaitUnused(name string, want bool) {
	g.t.Helper()
	kafkatest.Eventually(g.t, "another use of the revision", func() bool {
		rev := &appsv1.ControllerRevision{}
		g.must(g.api.Get(g.t.Context(), types.NamespacedName{Namespace: g.namespace, Name: name}, rev))
		_, unused := rev.Annotations[v1alpha1.AnnotationUnusedSince]
		return unused == want
	})
}

// starting makes a trigger that starts sagas of a revision.
func (c *catalogue) starting(name, definition, revision string) *v1alpha1.SagaTrigger {
	c.t.Helper()
	trigger := &v1alpha1.SagaTrigger{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec: v1alpha1.SagaTriggerSpec{
			Topic: "order.events", DefinitionRef: &v1alpha1.DefinitionReference{Name: definition, Revision: revision},
		},
	}
	c.must(c.api.Create(c.t.Context(), trigger))
	return trigger
}

func TestARevisionThatATriggerNamesIsKeptUntilAnHourAfterThat(t *testing.T) {
	c := newCatalogue(t)
	first, _ := c.revised("order")
	c.lookAt(first)
	trigger := c.starting("placed", "order", first)
	c.starting("other", "order", "")
	c.pass(2 * unusedFor)
	if after := c.lookAt(first); after != 0 || !c.kept(first) {
		t.Fatalf("looks again after %s, kept: %v; want it to wait for a change of the trigger", after, c.kept(first))
	}
	c.must(c.api.Delete(t.Context(), trigger))
	if after := c.lookAt(first); after != unusedFor {
		t.Errorf("looks again after %s; want its hour to begin", after)
	}
	c.pass(unusedFor)
	if c.lookAt(first); c.kept(first) {
		t.Error("it is still kept, an hour after its last trigger")
	}
}

// noTriggers knows no trigger yet, as a cache that lags behind.
type noTriggers struct{ client.Client }

func (c noTriggers) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*v1alpha1.SagaTriggerList); ok {
		return nil
	}
	return c.Client.List(ctx, list, opts...)
}

func TestATriggerThatTheCacheDoesNotKnowKeepsItsRevision(t *testing.T) {
	c := newCatalogue(t)
	first, _ := c.revised("order")
	c.lookAt(first)
	c.starting("placed", "order", first)
	c.pass(2 * unusedFor)
	r := &RevisionReconciler{Client: noTriggers{c.counting()}, Live: c.live(), Clock: c.clock}
	if after := c.reconcile(r, first).RequeueAfter; after != lookForUsersEvery || !c.kept(first) {
		t.Errorf("looks again after %s, kept: %v; want %s", after, c.kept(first), lookForUsersEvery)
	}
}

func TestARevisionIsLookedAtWhenATriggerBeginsAndEndsToNameIt(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.run()
	first := g.newest("fulfil", "")
	g.redefine("fulfil", 5*time.Second)
	second := g.newest("fulfil", first)
	g.awaitUnused(first, true)
	g.make(func(s *v1alpha1.SagaTriggerSpec) { s.DefinitionRef.Revision = first })
	g.awaitUnused(first, false)
	g.change(func(s *v1alpha1.SagaTriggerSpec) { s.DefinitionRef.Revision = second })
	g.awaitUnused(first, true)
}

func TestATriggerStartsOnceTheRevisionComesThatItWaitsFor(t *testing.T) {
	g := newTriggers(t)
	g.define("fulfil")
	g.run()
	g.newest("fulfil", "")
	later := g.revision("fulfil", 5*time.Second)
	g.make(func(s *v1alpha1.SagaTriggerSpec) { s.DefinitionRef.Revision = later.Name })
	g.publish("1")
	g.awaitReady(v1alpha1.ReasonDefinitionNotFound)
	kafkatest.Eventually(t, "the last that the trigger has to tell", func() bool { return g.trigger().Status.Lag == 1 })
	g.must(g.api.Create(t.Context(), later))
	g.awaitSagas(1)
	g.awaitReady(v1alpha1.ReasonReading)
}
