package simulate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// chaos drives a world of one key and two managers, one of which may hold stale copies.
type chaos struct {
	*tape
	world    *World
	saga     *Saga
	managers [2]*Manager
	calm     bool // the network, the participants and people behave
	params   []byte
	events   int // how many events have happened
	settled  []engine.Event
}

func newChaos(t *tape) *chaos {
	c := &chaos{tape: t}
	draw := outcomes(t)
	c.world = NewWorld(morning, func(m Message) Answer {
		if c.calm {
			return Answer{Outcome: engine.Succeeded}
		}
		return draw(m)
	})
	c.world.Quick = !t.oneIn(10)
	c.world.Watch = func(w Write) {
		if err := w.Check(c.world.Now); err != nil {
			fail("%w\nafter  %+v\nbefore %s\nthen   %s", err, w.Events, show(w.Before), show(w.After))
		}
		c.checkRepeats(w)
	}
	c.managers = [2]*Manager{NewManager(c.world), NewManager(c.world)}
	return c
}

func (c *chaos) add(uid string, def v1alpha1.SagaDefinitionSpec) {
	policy := pick(c.tape, v1alpha1.KeyUsedWait, v1alpha1.KeyUsedEnd)
	if c.params == nil { // a saga that is made anew is the same transaction
		c.params = fmt.Appendf(nil, `{"n":%d}`, c.number(10))
	}
	saga, err := c.world.Add(def, Greedy{}, engine.Saga{
		UID: uid, Namespace: "shop", Name: "order-1", IdempotencyKey: "test/shop/order-1", BusinessKey: "order-1",
		Params: c.params, OnKeyUsed: policy,
	})
	must(err)
	c.saga, c.settled = saga, nil
	c.tell("%s, on a used key %s: %s", uid, policy, summary(def))
}

func show(s engine.State) string {
	raw, err := encoded(s)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

// checkRepeats: what was answered, happened or was acknowledged once changes nothing when it is heard again, now or later.
func (c *chaos) checkRepeats(w Write) {
	for i, e := range w.Events {
		if isAnswer(e) && w.Verdicts[i] == engine.Applied && len(c.settled) < 64 {
			c.settled = append(c.settled, e)
		}
	}
	if len(c.settled) == 0 {
		return
	}
	e := c.settled[len(w.Events)*7%len(c.settled)]
	if _, event := e.(engine.Occurred); event && ambiguous(w.Saga.Definition) {
		return // it may be for another step by now
	}
	var due []engine.Event
	for _, timer := range w.Saga.Run.Timers(w.After) {
		if timer.Kind == engine.TimerBackoff && !c.world.Now.Before(timer.At) {
			due = append(due, engine.Fired{Timer: timer})
		}
	}
	once, _ := w.Saga.Run.Next(w.After, c.world.Now, due)
	again, _ := w.Saga.Run.Next(w.After, c.world.Now, append(due, e))
	if show(again) != show(once) {
		fail("%+v was heard again and changed %s to %s", e, show(once), show(again))
	}
}

// ambiguous says whether an event may be for more than one step.
func ambiguous(def v1alpha1.SagaDefinitionSpec) bool {
	seen := map[string]bool{}
	for _, s := range def.Steps {
		if s.Await == nil {
			continue
		}
		if seen[s.Await.Event] {
			return true
		}
		seen[s.Await.Event] = true
	}
	return false
}

func (c *chaos) check() {
	for _, err := range c.world.Problems() {
		must(err)
	}
	c.world.Books.Entries(func(key string, e Entry) {
		if e.Effects > 1 {
			fail("%s took effect %d times", key, e.Effects)
		}
	})
}

// version draws a copy: mostly the live one.
func (c *chaos) version() int {
	live := c.saga.Store.Version()
	if !c.oneIn(4) {
		return live
	}
	return live - c.between(0, live)
}

// some draws a few of n things, in any order, some of them twice.
func (c *chaos) some(n int) []int {
	var indices []int
	for range c.between(0, 3) {
		if n > 0 {
			indices = append(indices, c.number(n))
		}
	}
	return indices
}

// reconcile lets a manager take a turn, with some of the answers and events in any order, some of them twice.
func (c *chaos) reconcile() {
	turn := Turn{Saga: c.saga, Version: c.version(), Stop: pick(c.tape,
		StopNever, StopNever, StopNever, StopNever, StopToSend, StopBeforeStore, StopBeforeSettle, StopBeforeSend,
	)}
	if c.oneIn(6) {
		turn.Skew = time.Duration(c.between(-5, 5)) * time.Second
	}
	turn.Replies, turn.Events = c.some(len(c.saga.Replies)), c.some(len(c.saga.Events))
	if c.oneIn(4) {
		turn.TimeOut = always
	}
	i := c.number(2)
	c.tell("manager %d reads version %d of %d, replies %v and events %v, stop %d", i, turn.Version, c.saga.Store.Version(), turn.Replies, turn.Events, turn.Stop)
	must(c.managers[i].Reconcile(turn))
	c.tellState()
	if turn.Stop != StopNever && turn.Stop != StopToSend {
		c.managers[i] = NewManager(c.world)
	}
}

func (c *chaos) tellState() {
	if c.story == nil {
		return
	}
	state, err := c.saga.Live()
	must(err)
	words := ""
	for _, s := range state.Steps {
		words += " " + s.Name + "=" + string(s.State)
	}
	c.tell("    %v%s", state.Cause, words)
}

func (c *chaos) resend() {
	c.tell("a manager sends what is pending")
	must(c.managers[c.number(2)].Resend(c.saga, c.version()))
}

func (c *chaos) deliver() {
	if n := len(c.world.Commands); n > 0 {
		i := c.number(n)
		d := Delivery{Again: c.oneIn(5), Silent: c.oneIn(7), Twice: c.oneIn(5)}
		c.tell("%s arrives: %+v", c.world.Commands[i].ID(), d)
		c.world.Deliver(i, d)
	}
}

func (c *chaos) drop() {
	if n := len(c.world.Commands); n > 0 {
		i := c.number(n)
		c.tell("%s is lost", c.world.Commands[i].ID())
		c.world.Drop(i)
	}
}

// foreign writes a reply that answers nothing that was asked, or not yet.
func (c *chaos) foreign() {
	r := engine.Replied{
		Step:      pick(c.tape, "s0", "s1", "s2", "nobody", ""),
		Direction: pick(c.tape, engine.Forward, engine.Backward, "sideways"),
		Round:     int32(c.between(5, 9)), Attempt: int32(c.between(-1, 2)), Outcome: engine.Succeeded,
	}
	c.tell("a foreign reply: %+v", r)
	c.saga.Replies = append(c.saga.Replies, Reply{SagaUID: c.saga.UID, Replied: r})
}

func (c *chaos) wait() {
	d := time.Duration(c.between(1, 40)) * time.Second
	c.tell("%s pass", d)
	c.world.Now = c.world.Now.Add(d)
}

// ask changes what people ask of the saga. Requests may be taken back, as Git tools do.
func (c *chaos) ask() {
	if !c.oneIn(8) {
		return
	}
	on := !c.oneIn(2)
	what := pick(c.tape, "suspend", "suspend", "abort", "adopt", "delete")
	c.tell("%s: %t", what, on)
	switch what {
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
	r := v1alpha1.Resolution{
		Step: pick(c.tape, c.saga.Definition.Steps...).Name, Decision: int32(c.between(1, 3)), By: pick(c.tape, "me", "you"), Reason: "since I say so",
		Action: pick(c.tape, v1alpha1.ResolutionMarkDone, v1alpha1.ResolutionRetry, v1alpha1.ResolutionSkip, v1alpha1.ResolutionCompensate),
	}
	if c.decided(r.Step, r.Decision) {
		return
	}
	c.tell("a person decides: %+v", r)
	c.saga.Spec.Resolutions = append(c.saga.Spec.Resolutions, r)
}

// decided says whether a decision is taken already: the API server knows each number once.
func (c *chaos) decided(step string, decision int32) bool {
	return slices.ContainsFunc(c.saga.Spec.Resolutions, func(r v1alpha1.Resolution) bool { return r.Step == step && r.Decision == decision })
}

// play makes random moves.
func (c *chaos) play(without ...string) {
	moves := map[string]func(){"resolve": c.resolve, "ask": c.ask}
	for _, name := range without {
		delete(moves, name)
	}
	all := []func(){
		c.reconcile, c.reconcile, c.reconcile, c.deliver, c.deliver, c.deliver, c.happen, c.serve, c.wait, c.resend, c.drop, c.foreign,
		moves["ask"], moves["resolve"],
	}
	for range c.between(0, pick(c.tape, 20, 60)) {
		if move := pick(c.tape, all...); move != nil {
			move()
			c.check()
		}
	}
}

func TestASagaEndsWholeWhateverHappensToIt(t *testing.T) {
	check(t, 1, func(t *tape) {
		c := newChaos(t)
		c.add("uid-1", definitions(t))
		c.play()
		c.ended(c.settle())
	})
}
