package explore

import (
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

// strike lets a fault happen in place of, or before, a move.
func (r *run) strike(o offer, m move) {
	r.faults++
	switch o.fault {
	case crashBeforeSend:
		r.say("the manager crashes before it sends %s, and starts again", r.owed())
		r.manager = simulate.NewManager(r.world)
		r.saga.Replies, r.unread = append(r.saga.Replies, r.read...), true
	case crashAfterSend:
		r.do(m)
		r.say("the manager crashes after it has sent %s, starts again and sends it again", r.owed())
		r.manager = simulate.NewManager(r.world)
		r.unread = true
	case outrun:
		first := r.other(r.world.Commands[m.index])
		r.say("%s is slow, and %s is faster", r.name(r.world.Commands[m.index]), r.name(r.world.Commands[first]))
		r.deliver(first)
	case adoptedBefore, adoptedAfter:
		r.lose(o.fault, m)
	case abort, remove, suspend, deadline:
		r.request(o.fault, r.meanwhile(m))
	case eventEarly, eventTwice, eventNever, eventLate, eventUnfit:
		r.strikeEvent(o)
	case serviceFails, serviceIdle, serviceSilent, serviceLate, serviceTwice:
		r.strikeService(o)
	case personDeclines, personSkips, personSilent:
		r.strikeApproval(o)
	default:
		r.strikeCommand(o.fault, r.world.Commands[m.index])
		r.deliver(m.index)
	}
}

// meanwhile says what goes on while something is asked of the saga.
func (r *run) meanwhile(m move) string {
	switch m.act {
	case deliver:
		return r.name(r.world.Commands[m.index]) + " is on its way"
	case serve:
		return r.x.Definition.Steps[m.index].Name + " is being done"
	default:
		return r.x.Definition.Steps[m.index].Name + " waits"
	}
}

func (r *run) request(f fault, meanwhile string) {
	r.unread = true
	switch f {
	case abort:
		r.say("somebody aborts the saga while %s", meanwhile)
		r.saga.Spec.Abort = true
	case remove:
		r.say("somebody deletes the saga while %s", meanwhile)
		r.saga.Spec.Delete = true
	case suspend:
		r.say("somebody suspends the saga while %s", meanwhile)
		r.saga.Spec.Suspend = true
	default:
		r.say("the saga's deadline passes while %s", meanwhile)
		r.world.Now = r.state().Deadline.Time
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

// lose removes the saga's object without its finalizer, makes it anew under the same key and adopts what it had done.
func (r *run) lose(f fault, m move) {
	if f == adoptedAfter {
		command := r.world.Commands[m.index]
		r.comeTo(engine.Succeeded, r.answerOf(command))
		r.world.Deliver(m.index, simulate.Delivery{Silent: true})
		r.say("%s is sent and %s", r.name(command), effectOf(command))
	}
	r.say("the saga's object is lost, made anew and adopted")
	r.saga.Lost = true
	r.manager = simulate.NewManager(r.world)
	events := r.saga.Events
	r.make()
	r.saga.Events = events
	r.saga.Spec.Adopt = true
}

// comeTo fixes what the next participant that executes something will come to.
func (r *run) comeTo(outcome engine.Outcome, body []byte) {
	r.world.Execute = func(simulate.Message) simulate.Answer { return simulate.Answer{Outcome: outcome, Body: body} }
}
