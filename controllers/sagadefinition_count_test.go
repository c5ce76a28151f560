package controllers

import (
	"fmt"
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// going makes a saga that runs a revision.
func (c *catalogue) going(name, definition, revision string) *v1alpha1.Saga {
	c.t.Helper()
	saga := c.run(name, definition, "", v1alpha1.PhasePending)
	now := metav1.NewTime(c.clock.Now())
	saga.Status.StartTime = &now
	c.move(saga, revision, v1alpha1.PhaseRunning)
	return saga
}

// end lets a saga end now.
func (c *catalogue) end(saga *v1alpha1.Saga) {
	c.t.Helper()
	now := metav1.NewTime(c.clock.Now())
	saga.Status.EndTime = &now
	c.move(saga, saga.Status.Revision, v1alpha1.PhaseCompleted)
}

func (c *catalogue) pass(d time.Duration) { c.clock.SetTime(c.clock.Now().Add(d)) }

// revised makes a definition with two revisions, the oldest first.
func (c *catalogue) revised(name string) (first, second string) {
	c.t.Helper()
	c.participate("inventory")
	c.define(name)
	judge := c.definitions()
	c.reconcile(judge, name)
	first = c.definition(name).Status.Revision
	c.redefine(name, func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Command = "hold" })
	c.reconcile(judge, name)
	return first, c.definition(name).Status.Revision
}

func (c *catalogue) expectUses(name string, want ...v1alpha1.RevisionUse) {
	c.t.Helper()
	if got := c.definition(name).Status.Revisions; !slices.Equal(got, want) {
		c.t.Fatalf("its revisions are %v; want %v", got, want)
	}
}

func TestADefinitionTellsHowManySagasRunEachRevision(t *testing.T) {
	c := newCatalogue(t)
	first, second := c.revised("order")
	judge := c.definitions()
	c.going("s1", "order", first)
	c.going("s2", "order", first)
	last := c.going("s3", "order", second)
	c.run("waits", "order", "", v1alpha1.PhasePending)
	c.going("foreign", "refund", "refund-1")
	c.reconcile(judge, "order")
	c.expectUses("order", v1alpha1.RevisionUse{Revision: second, Sagas: 1}, v1alpha1.RevisionUse{Revision: first, Sagas: 2})

	c.end(last)
	c.pass(recountEvery)
	c.reconcile(judge, "order")
	c.expectUses("order", v1alpha1.RevisionUse{Revision: second}, v1alpha1.RevisionUse{Revision: first, Sagas: 2})

	c.redefine("order", func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Command = "reserve" })
	c.pass(recountEvery)
	c.reconcile(judge, "order") // the first is the newest again
	c.expectUses("order", v1alpha1.RevisionUse{Revision: first, Sagas: 2}, v1alpha1.RevisionUse{Revision: second})
}

func TestAStormOfSagasCostsADefinitionOneWriteEveryTenSeconds(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	c.define("order")
	judge := c.definitions()
	c.reconcile(judge, "order")
	name := c.definition("order").Status.Revision
	c.pass(recountEvery)
	c.reconcile(judge, "order")
	before := c.statusWrites
	for i := range 9 {
		c.going(fmt.Sprintf("s%d", i), "order", name)
		c.pass(time.Second)
		if after := c.reconcile(judge, "order").RequeueAfter; after != recountEvery-time.Duration(i+1)*time.Second {
			t.Fatalf("%d s after it was counted, it will be again in %s", i+1, after)
		}
	}
	if c.statusWrites != before {
		t.Fatalf("written %d times within ten seconds", c.statusWrites-before)
	}
	c.pass(time.Second)
	c.reconcile(judge, "order")
	c.expectUses("order", v1alpha1.RevisionUse{Revision: name, Sagas: 9})
	for range 5 {
		c.pass(recountEvery)
		c.reconcile(judge, "order")
	}
	if c.statusWrites != before+1 {
		t.Errorf("%d writes; want 1: nothing has changed since", c.statusWrites-before)
	}
}

func TestWhatIsBeyondThirtyTwoRevisionsIsAddedUp(t *testing.T) {
	c := newCatalogue(t)
	c.participate("inventory")
	c.define("order")
	judge := c.definitions()
	for i := range 35 {
		c.redefine("order", func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Command = fmt.Sprintf("reserve%d", i) })
		c.reconcile(judge, "order")
		c.going(fmt.Sprintf("s%d", i), "order", c.definition("order").Status.Revision)
	}
	c.pass(recountEvery)
	c.reconcile(judge, "order")
	uses := c.definition("order").Status.Revisions
	if len(uses) != 32 || uses[0].Revision != c.definition("order").Status.Revision || uses[0].Sagas != 1 || uses[31].Sagas != 4 {
		t.Errorf("%d revisions, of which the last is %+v; want 32, and 4 sagas", len(uses), uses[len(uses)-1])
	}
}
