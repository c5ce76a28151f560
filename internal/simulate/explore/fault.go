package explore

import (
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

// fault is something that goes wrong, or that somebody asks for at a bad time.
type fault int

const (
	declined     fault = iota // answered failed
	busyOnce                  // answered retry, once
	busyAlways                // answered retry, until the attempts end
	lostOnce                  // one attempt never arrives
	lostAlways                // no attempt arrives
	silentOnce                // takes effect, and one answer is lost
	silentAlways              // takes effect, and every answer is lost
	lateOnce                  // the answer comes just after its attempt has timed out
	lateAlways                // the answer comes once all attempts have timed out
	overtaken                 // the answer comes after that to the next attempt
	duplicated                // answered twice
	crashBeforeSend
	crashAfterSend
	adoptedBefore // the saga is lost with the command on its way, made anew and adopted; the command arrives last
	adoptedAfter  // the command has taken effect, and its answer reaches nobody
	abort
	remove
	suspend
	deadline
)

// onSending are the faults of a manager that is about to send.
var onSending = []fault{crashBeforeSend, crashAfterSend}

// onDelivery are the faults of one command, wherever it goes.
var onDelivery = []fault{declined, busyOnce, busyAlways, lostOnce, lostAlways, silentOnce, silentAlways, lateOnce, lateAlways, overtaken, duplicated}

// struckAttempts is how many attempts of a round are struck: what comes later is like the second.
const struckAttempts = 2

// patience is after how many attempts a stubborn fault ends where attempts never do.
const patience = 3

// habit is a fault that goes on; left is for how many attempts, below 0 without end.
type habit struct {
	fault fault
	left  int
}

// offers returns the faults that could strike instead of, or just before, a move.
func (r *run) offers(m move) []fault {
	switch m.act {
	case send:
		return r.offersOfSending()
	case deliver:
		return r.offersOfDelivery(r.world.Commands[m.index])
	case decide, arrive, resume, tick:
	}
	return nil
}

func (r *run) offersOfSending() []fault {
	pending, err := r.saga.Run.Pending(r.state())
	r.must(err)
	if len(pending) == 0 || pending[0].Attempt > struckAttempts || !r.x.strikes(pending[0].Step) {
		return nil
	}
	return onSending
}

func (r *run) offersOfDelivery(m simulate.Message) []fault {
	if m.SagaUID != r.saga.UID || m.Attempt > struckAttempts || !r.x.strikes(m.Step) {
		return nil
	}
	var offers []fault
	if _, ok := r.habits[place{m.Step, m.Direction}]; !ok {
		offers = append(offers, onDelivery...)
	}
	offers = append(offers, adoptedBefore, adoptedAfter)
	if m.Direction == engine.Backward {
		return offers
	}
	if !r.saga.Spec.Abort && !r.saga.Spec.Delete {
		offers = append(offers, abort, remove)
		if !r.saga.Spec.Suspend {
			offers = append(offers, suspend)
		}
	}
	if slices.ContainsFunc(r.saga.Run.Timers(r.state()), isDeadline) {
		offers = append(offers, deadline)
	}
	return offers
}

func isDeadline(t engine.Timer) bool { return t.Kind == engine.TimerDeadline }

// strikes says whether faults strike at a step.
func (x *explorer) strikes(step string) bool {
	return len(x.options.Steps) == 0 || slices.Contains(x.options.Steps, step)
}

// strike lets a fault happen in place of, or before, a move.
func (r *run) strike(f fault, m move) {
	switch f {
	case crashBeforeSend:
		r.say("the manager crashes before it sends %s, and starts again", r.owed())
		r.manager = simulate.NewManager(r.world)
		r.saga.Replies, r.unread = append(r.saga.Replies, r.read...), true
	case crashAfterSend:
		r.do(m)
		r.say("the manager crashes after it has sent %s, starts again and sends it again", r.owed())
		r.manager = simulate.NewManager(r.world)
		r.unread = true
	case adoptedBefore, adoptedAfter:
		r.lose(f, m)
	case abort:
		r.say("somebody aborts the saga while %s is on its way", r.name(r.world.Commands[m.index]))
		r.saga.Spec.Abort, r.unread = true, true
	case remove:
		r.say("somebody deletes the saga while %s is on its way", r.name(r.world.Commands[m.index]))
		r.saga.Spec.Delete, r.unread = true, true
	case suspend:
		r.say("somebody suspends the saga while %s is on its way", r.name(r.world.Commands[m.index]))
		r.saga.Spec.Suspend, r.unread = true, true
	case deadline:
		r.say("%s takes so long that the saga's deadline passes", r.name(r.world.Commands[m.index]))
		r.world.Now, r.unread = r.state().Deadline.Time, true
	default:
		r.strikeCommand(f, r.world.Commands[m.index])
		r.deliver(m.index)
	}
}

// strikeCommand makes a fault the habit of a command's place.
func (r *run) strikeCommand(f fault, m simulate.Message) {
	h := habit{fault: f, left: 1}
	if f == busyAlways || f == lostAlways || f == silentAlways || f == lateAlways {
		h.left = -1
		if r.x.unlimited(m) {
			h.left = patience
		}
	}
	r.habits[place{m.Step, m.Direction}] = h
}

// unlimited says whether a command is sent until it is answered.
func (x *explorer) unlimited(m simulate.Message) bool {
	def := x.Definition.Steps[x.stepIndex(m.Step)]
	if m.Direction == engine.Backward || def.Recovery == v1alpha1.RecoveryCompensatable || def.Recovery == "" || def.Action == nil {
		return false
	}
	return def.Action.Retry == nil || def.Action.Retry.MaxAttempts == nil
}

func (x *explorer) stepIndex(name string) int {
	return slices.IndexFunc(x.Definition.Steps, func(s v1alpha1.Step) bool { return s.Name == name })
}

// lose removes the saga's object without its finalizer, makes it anew under the same key and adopts what it had done.
func (r *run) lose(f fault, m move) {
	command := r.world.Commands[m.index]
	r.saga.Lost = true
	if f == adoptedAfter {
		r.execute(command, simulate.Answer{Outcome: engine.Succeeded, Body: r.answerOf(command)})
		r.world.Deliver(m.index, simulate.Delivery{Silent: true})
		r.say("%s is sent and takes effect", r.name(command))
	}
	r.say("the saga's object is lost, made anew and adopted")
	r.manager = simulate.NewManager(r.world)
	r.make()
	r.saga.Spec.Adopt = true
}
