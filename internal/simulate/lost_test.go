package simulate

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// lose removes the saga without its finalizer, with everything that was on its way still on its way.
func (c *chaos) lose() *Saga {
	lost := c.saga
	lost.Lost = true
	c.managers = [2]*Manager{NewManager(c.world), NewManager(c.world)}
	c.saga = nil
	return lost
}

func (c *chaos) without(names ...string) map[string]func(*rapid.T) {
	all := c.actions()
	for _, name := range names {
		delete(all, name)
	}
	return all
}

// effects is what the books hold of every step.
func (c *chaos) effects() map[string]Entry {
	all := map[string]Entry{}
	c.world.Books.Entries(func(key string, e Entry) { all[key] = e })
	return all
}

func TestALostSagaMadeAnewHasNoSecondEffect(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChaos(t)
		t.Repeat(c.without("resolve"))
		lost := c.lose()
		for len(c.world.Commands) > 0 { // what the lost run had asked for arrives first, or never
			c.world.Deliver(0, Delivery{})
		}
		books := c.effects()
		c.add("uid-2", lost.Definition)
		t.Repeat(c.without("resolve", "ask"))
		if !c.waitsForKey(c.settle()) {
			return // the lost run had done nothing that its first step can tell of, or the policy is End
		}
		c.saga.Spec.Abort = true
		state := c.settle()
		if state.EndTime == nil || state.Cause == nil {
			t.Fatalf("an aborted saga whose key is used does not end: %s", show(state))
		}
		if diff := c.effects(); len(diff) != len(books) {
			t.Fatalf("the books changed from %v to %v", books, diff)
		}
		for key, e := range c.effects() {
			if e != books[key] {
				t.Fatalf("the books of %s changed from %+v to %+v", key, books[key], e)
			}
		}
	})
}

func (c *chaos) waitsForKey(s engine.State) bool {
	st := engine.Summarize(c.saga.Program, s, engine.Facts{Generation: 1, Now: c.world.Now})
	for _, cond := range st.Conditions {
		if cond.Type == v1alpha1.ConditionStalled && cond.Reason == v1alpha1.ReasonKeyUsed {
			return s.Steps[0].State == v1alpha1.StepNeedsIntervention
		}
	}
	return false
}

func TestAnAdoptedRunLeavesNothingHalfDone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChaos(t)
		t.Repeat(c.without("resolve"))
		lost := c.lose()
		c.add("uid-2", lost.Definition)
		c.saga.Spec.Adopt = rapid.Bool().Draw(t, "adopted from the start")
		t.Repeat(c.without("resolve"))
		c.saga.Spec.Adopt = true
		state := c.settle()
		if slices.Contains(state.Latches, v1alpha1.LatchAdopt) { // else it had ended before
			c.ended(state)
		}
	})
}
