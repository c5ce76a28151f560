package simulate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// settle lets everything in flight arrive in a fair world with one new manager, until nothing changes any more.
func (c *chaos) settle() engine.State {
	c.tell("the world is calm from here")
	c.calm, c.saga.Spec.Suspend = true, false
	c.managers[0] = NewManager(c.world)
	for still := 0; still < 3; still++ {
		c.behave()
		must(c.managers[0].Resend(c.saga, c.saga.Store.Version()))
		for len(c.world.Commands) > 0 {
			c.world.Deliver(c.number(len(c.world.Commands)), Delivery{})
		}
		before := c.saga.Store.Version()
		must(c.managers[0].Reconcile(Turn{Saga: c.saga, Version: before, Replies: c.shuffled(len(c.saga.Replies)),
			Events: c.shuffled(len(c.saga.Events)), TimeOut: always}))
		c.tellState()
		c.check()
		if c.saga.Store.Version() != before || c.asks() {
			still = 0
		}
		if c.world.Now = c.world.Now.Add(40 * time.Second); c.world.Now.Sub(morning) > 24*time.Hour {
			break
		}
	}
	state, err := c.saga.Live()
	must(err)
	return state
}

func (c *chaos) shuffled(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := i - c.number(i+1)
		order[i], order[j] = order[j], order[i]
	}
	return order
}

func always(engine.Timer) bool { return true }

// asks says whether an answer is still outstanding, an attempt is to be made, or a wait is to end.
func (c *chaos) asks() bool {
	state, err := c.saga.Live()
	must(err)
	return slices.ContainsFunc(c.saga.Run.Timers(state), func(t engine.Timer) bool { return t.Kind != engine.TimerDeadline })
}

// ended checks that the saga ended, or waits visibly, and that the books agree with what it says.
func (c *chaos) ended(state engine.State) {
	switch phase := engine.Summarize(c.saga.Program, state, engine.Facts{Generation: 1, Now: c.world.Now}).Phase; phase {
	case v1alpha1.PhaseCompleted:
		for i := range state.Steps {
			c.wantDone(state, i)
		}
	case v1alpha1.PhaseCompensated:
		for i := range state.Steps {
			c.wantUndone(state, i)
		}
	case v1alpha1.PhaseNeedsIntervention:
	default:
		fail("in a calm world the saga is left %s: %s", phase, show(state))
	}
}

// standing is what the books hold of a step, over all rounds.
func (c *chaos) standing(step string) (sum Entry) {
	for round := int32(1); round < 20; round++ {
		e := c.world.Books.Entry(ForwardKeyOf(c.saga.Key, step, engine.Forward, round))
		sum.Effects, sum.Reversals = sum.Effects+e.Effects, sum.Reversals+e.Reversals
	}
	return sum
}

// published is how often a step's event was published, forward or backward.
func (c *chaos) published(step string, dir engine.Direction) (sum int) {
	for round := int32(1); round < 20; round++ {
		sum += c.world.Events[ForwardKeyOf(c.saga.Key, step, dir, round)]
	}
	return sum
}

func (c *chaos) wantDone(state engine.State, i int) {
	st, def := &state.Steps[i], c.saga.Definition.Steps[i]
	if st.State != v1alpha1.StepSucceeded {
		c.wantUndone(state, i) // skipped, or optional and failed
		return
	}
	byHand := st.Resolved != nil && st.Resolved.Action == v1alpha1.ResolutionMarkDone
	switch {
	case byHand:
	case def.Publish != nil && def.Publish.Delivery != v1alpha1.DeliveryAtMostOnce:
		if c.published(st.Name, engine.Forward) == 0 {
			fail("Completed, but event %s was never published", st.Name)
		}
	case def.Action != nil:
		if e := c.standing(st.Name); e.Effects != 1 || e.Reversals != 0 {
			fail("Completed, but %s took effect %d times and was undone %d times: %s", st.Name, e.Effects, e.Reversals, show(state))
		}
	}
}

// byHand says whether a person has decided about the point of no return.
func (c *chaos) byHand(state engine.State) bool {
	return slices.ContainsFunc(state.Steps, func(st v1alpha1.StepStatus) bool {
		i := slices.IndexFunc(c.saga.Definition.Steps, func(s v1alpha1.Step) bool { return s.Name == st.Name })
		return st.Resolved != nil && c.saga.Definition.Steps[i].Recovery != v1alpha1.RecoveryCompensatable
	})
}

func (c *chaos) wantUndone(state engine.State, i int) {
	st, def := &state.Steps[i], c.saga.Definition.Steps[i]
	if st.Resolved != nil && def.Approval == nil {
		return // a person says so
	}
	if !undone(def) {
		if def.Recovery != v1alpha1.RecoveryCompensatable && c.standing(st.Name).Standing() != 0 && !c.byHand(state) {
			fail("Compensated, but the effect of %s stands, and nothing can undo it: %s", st.Name, show(state))
		}
		return
	}
	if def.Compensation.Publish != nil {
		if st.Compensation != nil && c.published(st.Name, engine.Backward) == 0 {
			fail("Compensated, but the event that undoes %s was never published: %s", st.Name, show(state))
		}
		if e := c.standing(st.Name); e.Standing() != 0 && st.Compensation == nil {
			fail("Compensated, but the effect of %s stands, and no event says so: %s", st.Name, show(state))
		}
		return
	}
	if e := c.standing(st.Name); e.Standing() != 0 {
		fail("Compensated, but the effect of %s stands: %s", st.Name, show(state))
	}
}

// summary is a definition in a few words.
func summary(def v1alpha1.SagaDefinitionSpec) string {
	words := []string{string(def.Mode)}
	if def.Deadline != nil {
		words = append(words, "within "+def.Deadline.Duration.String())
	}
	for _, s := range def.Steps {
		kind := "action"
		switch {
		case s.Publish != nil:
			kind = "publish " + string(s.Publish.Delivery)
		case s.Await != nil:
			kind = fmt.Sprintf("await %s %s %s", s.Await.Event, s.Await.Key, s.Await.Filter)
		case s.Delay != nil:
			kind = "delay"
		case s.Approval != nil:
			kind = "approval"
		}
		undo := "-"
		if s.Compensation != nil {
			undo = fmt.Sprintf("%s%s", s.Compensation.Policy, s.Compensation.Command)
			if s.Compensation.Publish != nil {
				undo = "publish"
			}
		}
		words = append(words, fmt.Sprintf("\n    %s %s %s after %v when %q undo %s %s", s.Name, s.Recovery, kind, s.DependsOn, s.When, undo, s.OnFailure))
	}
	return strings.Join(words, " ")
}
