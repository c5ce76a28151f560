package controllers

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// kept says whether a revision is there and not on its way out.
func (c *catalogue) kept(name string) bool {
	rev := &appsv1.ControllerRevision{}
	return c.exists(name, rev) && rev.DeletionTimestamp.IsZero()
}

// lookAt reconciles a revision with a reconciler that remembers nothing, as after a restart, and returns when it looks again.
func (c *catalogue) lookAt(name string) time.Duration {
	c.t.Helper()
	return c.reconcile(c.revisions(), name).RequeueAfter
}

func TestAReplacedRevisionOutlivesItsLastSagaByAnHour(t *testing.T) {
	c := newCatalogue(t)
	first, second := c.revised("order")
	saga := c.going("s1", "order", first)
	if after := c.lookAt(first); after != 0 {
		t.Errorf("looks again after %s; want it to wait for the saga's end", after)
	}
	c.pass(2 * time.Hour)
	c.lookAt(first)
	c.end(saga)
	if after := c.lookAt(first); after != unusedFor {
		t.Errorf("looks again after %s; want %s", after, unusedFor)
	}
	c.pass(unusedFor - time.Minute)
	if after := c.lookAt(first); after <= 0 || after > time.Minute+time.Second || !c.kept(first) {
		t.Errorf("looks again after %s, kept: %v; want it kept for another minute", after, c.kept(first))
	}
	c.pass(time.Minute)
	c.lookAt(first)
	if c.kept(first) {
		t.Error("it is still kept, an hour after its last saga")
	}
	c.pass(2 * unusedFor)
	if c.lookAt(second); !c.kept(second) {
		t.Error("the newest is gone")
	}
}

func TestASagaOfAnOldRevisionBeginsItsHourAnew(t *testing.T) {
	c := newCatalogue(t)
	first, _ := c.revised("order")
	c.lookAt(first)
	c.pass(unusedFor - time.Minute)
	saga := c.going("s1", "order", first)
	c.pass(2 * time.Minute)
	c.lookAt(first)
	c.end(saga) // and nobody has looked before the next line
	c.pass(unusedFor - time.Minute)
	c.lookAt(first)
	c.must(c.api.Delete(t.Context(), saga))
	if c.lookAt(first); !c.kept(first) {
		t.Error("it went though its last saga has ended less than an hour ago")
	}
}

func TestAnEndThatWasNotSeenCountsByItsTime(t *testing.T) {
	c := newCatalogue(t)
	first, _ := c.revised("order")
	c.lookAt(first)
	c.pass(unusedFor / 2)
	c.end(c.going("s1", "order", first))
	c.pass(unusedFor / 2)
	if after := c.lookAt(first); after < unusedFor/2-time.Second || after > unusedFor/2+time.Second || !c.kept(first) {
		t.Errorf("looks again after %s, kept: %v; want half an hour more", after, c.kept(first))
	}
}

func TestARevisionThatASagaNamesIsKept(t *testing.T) {
	c := newCatalogue(t)
	first, _ := c.revised("order")
	c.lookAt(first)
	c.pass(2 * unusedFor)
	saga := pinned("s1", "order", first)
	saga.Namespace = c.namespace
	c.must(c.api.Create(t.Context(), saga))
	if c.lookAt(first); !c.kept(first) {
		t.Error("it went, though a saga is about to start with it")
	}
}

func TestARevisionThatIsTheNewestAgainStays(t *testing.T) {
	c := newCatalogue(t)
	first, second := c.revised("order")
	c.lookAt(first)
	c.redefine("order", func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Command = "reserve" })
	c.reconcile(c.definitions(), "order")
	c.pass(2 * unusedFor)
	for range 2 {
		c.lookAt(first)
		c.lookAt(second)
	}
	c.redefine("order", func(s *v1alpha1.SagaDefinitionSpec) { s.Steps[0].Action.Command = "hold" })
	c.reconcile(c.definitions(), "order")
	if after := c.lookAt(first); after != unusedFor || !c.kept(first) {
		t.Errorf("looks again after %s, kept: %v; want its hour to begin anew", after, c.kept(first))
	}
}

func TestTheAPIServersSagasKeepARevisionThatTheCacheThinksUnused(t *testing.T) {
	c := newCatalogue(t)
	first, _ := c.revised("order")
	c.lookAt(first)
	c.pass(2 * unusedFor)
	c.going("s1", "order", first)
	r := &RevisionReconciler{Client: emptyCache{c.counting()}, Live: c.live(), Clock: c.clock}
	if c.reconcile(r, first); !c.kept(first) {
		t.Error("it went, though a saga runs it")
	}
}
