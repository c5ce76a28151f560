package simulate

import (
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// lose removes the saga without its finalizer, with everything that was on its way still on its way.
func (c *chaos) lose() *Saga {
	c.tell("the saga is lost")
	lost := c.saga
	lost.Lost = true
	c.managers = [2]*Manager{NewManager(c.world), NewManager(c.world)}
	return lost
}

// arrive lets everything arrive that is on its way.
func (c *chaos) arrive() {
	for len(c.world.Commands) > 0 {
		c.world.Deliver(0, Delivery{})
	}
}

// effects is what the books hold of every step.
func (c *chaos) effects() map[string]Entry {
	all := map[string]Entry{}
	c.world.Books.Entries(func(key string, e Entry) { all[key] = e })
	return all
}

// keyed draws definitions whose first step is what finds out that the key is used: a command.
func keyed(t *tape) v1alpha1.SagaDefinitionSpec {
	def := definitions(t)
	def.Mode = ""
	return def
}

func TestALostSagaMadeAnewHasNoSecondEffect(t *testing.T) {
	check(t, 10, func(t *tape) {
		c := newChaos(t)
		c.add("uid-1", keyed(t))
		c.play("resolve")
		lost := c.lose()
		c.arrive() // what the lost run had asked for arrives first, or never
		books := c.effects()
		c.add("uid-2", lost.Definition)
		c.play("resolve", "ask")
		if !c.waitsForKey(c.settle()) {
			return // the lost run had done nothing that its first step can tell of, or the policy is End
		}
		c.saga.Spec.Abort = true
		state := c.settle()
		if refused := state.EndTime == nil && c.pastReturn(state); refused {
			return // other steps than the one whose key is used are beyond the point of no return
		}
		state = c.leave(state) // what only events tell of may be the lost run's: a person knows
		if state.EndTime == nil || state.Cause == nil {
			fail("an aborted saga whose key is used does not end: %s", show(state))
		}
		for key, e := range c.effects() {
			if old, ok := books[key]; ok && e != old {
				fail("the books of %s changed from %+v to %+v", key, old, e)
			}
		}
	})
}

// pastReturn says whether an abort is refused.
func (c *chaos) pastReturn(s engine.State) bool {
	st := engine.Summarize(c.saga.Program, s, engine.Facts{Generation: 1, Now: c.world.Now})
	return slices.ContainsFunc(st.Conditions, func(c metav1.Condition) bool { return c.Reason == v1alpha1.ReasonAbortRefused })
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
	check(t, 10, func(t *tape) {
		c := newChaos(t)
		c.add("uid-1", repeatable(definitions(t)))
		c.play("resolve")
		lost := c.lose()
		if undoneUnseen(lost) {
			return
		}
		if lost.Spec.Adopt {
			c.arrive() // else what it sent as an adopter takes the key back: docs/operations.md names this limit
		}
		c.add("uid-2", lost.Definition)
		c.saga.Events = lost.Events // they are for whoever has the key
		c.saga.Spec.Adopt = t.oneIn(2)
		c.play("resolve")
		c.saga.Spec.Adopt = true
		state := c.settle()
		if slices.Contains(state.Latches, v1alpha1.LatchAdopt) { // else it had ended before
			c.ended(state)
		}
	})
}

// repeatable lets conditions read what commands have answered, which is answered to the next run again, and not what an event, a
// person or, of an optional step, silence has said, which may be something else. docs/operations.md names this limit.
func repeatable(def v1alpha1.SagaDefinitionSpec) v1alpha1.SagaDefinitionSpec {
	commands := map[string]bool{}
	for i := range def.Steps {
		s := &def.Steps[i]
		commands[s.Name] = s.Action != nil && s.OnFailure != v1alpha1.FailureContinue
		if read, ok := strings.CutPrefix(s.When, "has:"); ok && !commands[read] {
			s.When = ""
		}
	}
	return def
}

// undoneUnseen says whether a lost run that only observed had begun to undo: no participant can tell its successor, which asks for
// nothing forward. docs/definitions.md names this limit.
func undoneUnseen(lost *Saga) bool {
	state, err := lost.Live()
	if err != nil {
		fail("reading the lost saga: %v", err)
	}
	undoing := func(st v1alpha1.StepStatus) bool { return st.Compensation != nil }
	return lost.Definition.Mode == v1alpha1.ModeObserved && slices.ContainsFunc(state.Steps, undoing)
}

// leave has a person leave what still waits for a decision as it is.
func (c *chaos) leave(s engine.State) engine.State {
	for s.EndTime == nil && slices.ContainsFunc(s.Steps, waitsForDecision) {
		for i := range s.Steps {
			if st := &s.Steps[i]; waitsForDecision(*st) {
				c.saga.Spec.Resolutions = append(c.saga.Spec.Resolutions, v1alpha1.Resolution{
					Step: st.Name, Decision: st.Decision, Action: v1alpha1.ResolutionSkip, By: "ada", Reason: "it is the other saga's",
				})
			}
		}
		before := s
		if s = c.settle(); s.DecisionTime.Equal(before.DecisionTime) && same(s, before) {
			fail("decisions are not taken: %s", show(s))
		}
	}
	return s
}

func waitsForDecision(st v1alpha1.StepStatus) bool { return st.State == v1alpha1.StepNeedsIntervention }
