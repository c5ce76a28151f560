package simulate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// chaos drives a world of one key and two managers, one of which may hold stale copies.
type chaos struct {
	t        *rapid.T
	world    *World
	saga     *Saga
	managers [2]*Manager
	calm     bool            // the network and the participants behave
	byHand   map[string]bool // steps about which a person decided
}

func newChaos(t *rapid.T) *chaos {
	c := &chaos{t: t, byHand: map[string]bool{}}
	draw := outcomes(t)
	c.world = NewWorld(morning, func(m Message) Answer {
		if c.calm {
			return Answer{Outcome: engine.Succeeded}
		}
		return draw(m)
	})
	c.world.Watch = func(w Write) {
		if err := w.Check(c.world.Now); err != nil {
			t.Fatalf("after %+v: %v\nbefore %s\nafter  %s", w.Events, err, show(w.Before), show(w.After))
		}
	}
	c.managers = [2]*Manager{NewManager(c.world), NewManager(c.world)}
	c.add("uid-1", definitions(t))
	return c
}

func (c *chaos) add(uid string, def v1alpha1.SagaDefinitionSpec) {
	policy := rapid.SampledFrom([]v1alpha1.KeyUsedPolicy{v1alpha1.KeyUsedWait, v1alpha1.KeyUsedEnd}).Draw(c.t, "onKeyUsed")
	saga, err := c.world.Add(def, Greedy{}, engine.Saga{
		UID: uid, Namespace: "shop", Name: "order-1", IdempotencyKey: "test/shop/order-1",
		Params: fmt.Appendf(nil, `{"n":%d}`, rapid.Int().Draw(c.t, "param")), OnKeyUsed: policy,
	})
	if err != nil {
		c.t.Fatal(err)
	}
	c.saga = saga
}

func show(s engine.State) string {
	raw, err := canonical(s)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func (c *chaos) check() {
	for _, err := range c.world.Problems() {
		c.t.Fatal(err)
	}
	c.world.Books.Entries(func(key string, e Entry) {
		if e.Effects > 1 {
			c.t.Fatalf("%s took effect %d times", key, e.Effects)
		}
	})
}

func (c *chaos) manager() *Manager { return c.managers[rapid.IntRange(0, 1).Draw(c.t, "manager")] }

// version draws a copy: mostly the live one.
func (c *chaos) version() int {
	live := c.saga.Store.Version()
	if rapid.IntRange(0, 3).Draw(c.t, "stale") > 0 {
		return live
	}
	return rapid.IntRange(0, live).Draw(c.t, "version")
}

// reconcile lets a manager take a turn, with some of the replies in any order, some of them twice.
func (c *chaos) reconcile() {
	turn := Turn{Saga: c.saga, Version: c.version(), Stop: rapid.SampledFrom([]Stop{
		StopNever, StopNever, StopNever, StopNever, StopBeforeStore, StopBeforeSettle, StopBeforeSend,
	}).Draw(c.t, "stop")}
	if rapid.IntRange(0, 5).Draw(c.t, "skewed") == 0 {
		turn.Skew = time.Duration(rapid.IntRange(-5, 5).Draw(c.t, "skew")) * time.Second
	}
	if n := len(c.saga.Replies); n > 0 {
		turn.Replies = rapid.SliceOfN(rapid.IntRange(0, n-1), 0, 3).Draw(c.t, "replies")
	}
	if rapid.IntRange(0, 3).Draw(c.t, "silence") == 0 {
		turn.TimeOut = func(engine.Timer) bool { return true }
	}
	i := rapid.IntRange(0, 1).Draw(c.t, "manager")
	c.must(c.managers[i].Reconcile(turn))
	if turn.Stop != StopNever {
		c.managers[i] = NewManager(c.world)
	}
}

func (c *chaos) must(err error) {
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *chaos) deliver() {
	if n := len(c.world.Commands); n > 0 {
		c.world.Deliver(rapid.IntRange(0, n-1).Draw(c.t, "command"), Delivery{
			Again:  rapid.IntRange(0, 4).Draw(c.t, "again") == 0,
			Silent: rapid.IntRange(0, 6).Draw(c.t, "silent") == 0,
			Twice:  rapid.IntRange(0, 4).Draw(c.t, "twice") == 0,
		})
	}
}

func (c *chaos) drop() {
	if n := len(c.world.Commands); n > 0 {
		c.world.Drop(rapid.IntRange(0, n-1).Draw(c.t, "command"))
	}
}

// foreign writes a reply that answers nothing that was asked, or not yet.
func (c *chaos) foreign() {
	c.saga.Replies = append(c.saga.Replies, Reply{SagaUID: c.saga.UID, Replied: engine.Replied{
		Step:      rapid.SampledFrom([]string{"s0", "s1", "s2", "nobody", ""}).Draw(c.t, "step"),
		Direction: rapid.SampledFrom([]engine.Direction{engine.Forward, engine.Backward, "sideways"}).Draw(c.t, "direction"),
		Round:     rapid.Int32Range(5, 9).Draw(c.t, "round"), Attempt: rapid.Int32Range(-1, 2).Draw(c.t, "attempt"),
		Outcome: engine.Succeeded,
	}})
}

func (c *chaos) wait() {
	c.world.Now = c.world.Now.Add(time.Duration(rapid.IntRange(1, 40).Draw(c.t, "wait")) * time.Second)
}

// ask changes what people ask of the saga. Requests may be taken back, as Git tools do.
func (c *chaos) ask() {
	if rapid.IntRange(0, 9).Draw(c.t, "asked") > 0 {
		return
	}
	on := rapid.Bool().Draw(c.t, "on")
	switch rapid.SampledFrom([]string{"suspend", "suspend", "abort", "adopt", "delete"}).Draw(c.t, "request") {
	case "suspend":
		c.saga.Spec.Suspend = on
	case "abort":
		c.saga.Spec.Abort = on
	case "adopt":
		c.saga.Spec.Adopt = on
	case "delete":
		c.saga.Spec.Delete = true
	}
}

// resolve lets a person decide about something, whether it is asked or not. Resolutions stay in the spec.
func (c *chaos) resolve() {
	name := rapid.SampledFrom(c.saga.Definition.Steps).Draw(c.t, "step").Name
	c.byHand[name] = true
	c.saga.Spec.Resolutions = append(c.saga.Spec.Resolutions, v1alpha1.Resolution{
		Step: name, Decision: rapid.Int32Range(1, 3).Draw(c.t, "decision"), By: "me", Reason: "since I say so",
		Action: rapid.SampledFrom([]v1alpha1.ResolutionAction{
			v1alpha1.ResolutionRetry, v1alpha1.ResolutionSkip, v1alpha1.ResolutionMarkDone, v1alpha1.ResolutionCompensate,
		}).Draw(c.t, "action"),
	})
}

func (c *chaos) actions() map[string]func(*rapid.T) {
	resend := func(*rapid.T) { c.must(c.manager().Resend(c.saga, c.version())) }
	all := map[string]func(*rapid.T){"": func(*rapid.T) { c.check() }, "resend": resend}
	for name, action := range map[string]func(){
		"reconcile": c.reconcile, "reconcile more": c.reconcile, "deliver": c.deliver, "deliver more": c.deliver,
		"drop": c.drop, "foreign": c.foreign, "wait": c.wait, "ask": c.ask, "resolve": c.resolve,
	} {
		all[name] = func(*rapid.T) { action() }
	}
	return all
}

// settle lets everything in flight arrive in a fair world with one new manager, until nothing changes any more.
func (c *chaos) settle() engine.State {
	c.calm, c.saga.Spec.Suspend = true, false
	c.managers[0] = NewManager(c.world)
	order := rand.New(rand.NewPCG(rapid.Uint64().Draw(c.t, "order"), 1))
	for still := 0; still < 3; still++ {
		c.must(c.managers[0].Resend(c.saga, c.saga.Store.Version()))
		for len(c.world.Commands) > 0 {
			c.world.Deliver(order.IntN(len(c.world.Commands)), Delivery{})
		}
		before := c.saga.Store.Version()
		c.must(c.managers[0].Reconcile(Turn{Saga: c.saga, Version: before, Replies: order.Perm(len(c.saga.Replies)), TimeOut: always}))
		c.check()
		if c.saga.Store.Version() != before || c.asks() {
			still = 0
		}
		if c.world.Now = c.world.Now.Add(40 * time.Second); c.world.Now.Sub(morning) > 24*time.Hour {
			break
		}
	}
	state, err := c.saga.Live()
	c.must(err)
	return state
}

func always(engine.Timer) bool { return true }

// asks says whether an answer is still outstanding or an attempt is to be made.
func (c *chaos) asks() bool {
	state, err := c.saga.Live()
	c.must(err)
	return slices.ContainsFunc(c.saga.Run.Timers(state), func(t engine.Timer) bool { return t.Kind != engine.TimerDeadline })
}

// ended checks that the saga ended, or waits visibly, and that the books agree with what it says.
func (c *chaos) ended(state engine.State) {
	status := engine.Summarize(c.saga.Program, state, engine.Facts{Generation: 1, Now: c.world.Now})
	switch status.Phase {
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
		c.t.Fatalf("in a calm world the saga is left %s: %s", status.Phase, show(state))
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

func (c *chaos) wantDone(state engine.State, i int) {
	st, def := &state.Steps[i], c.saga.Definition.Steps[i]
	if st.Resolved != nil && (st.State == v1alpha1.StepSkipped || st.Resolved.Action == v1alpha1.ResolutionMarkDone) {
		return // a person says so
	}
	if def.Publish != nil {
		if c.world.Events[Message{SagaUID: c.saga.UID, SagaKey: c.saga.Key, Command: engine.Command{Step: st.Name, Direction: engine.Forward, Round: 1}}.Key()] == 0 {
			c.t.Fatalf("Completed, but event %s was never published", st.Name)
		}
		return
	}
	if e := c.standing(st.Name); e.Effects != 1 || e.Reversals != 0 {
		c.t.Fatalf("Completed, but %s took effect %d times and was undone %d times: %s", st.Name, e.Effects, e.Reversals, show(state))
	}
}

func (c *chaos) wantUndone(state engine.State, i int) {
	st, def := &state.Steps[i], c.saga.Definition.Steps[i]
	none := def.Compensation != nil && def.Compensation.Policy == v1alpha1.CompensationNone
	if st.Resolved != nil || none {
		return // a person says so, or there is nothing to undo
	}
	if e := c.standing(st.Name); e.Standing() != 0 {
		c.t.Fatalf("Compensated, but the effect of %s stands: %s", st.Name, show(state))
	}
}

func TestASagaEndsWholeWhateverHappensToIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newChaos(t)
		t.Repeat(c.actions())
		c.ended(c.settle())
	})
}
