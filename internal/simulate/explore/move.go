package explore

import (
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

// act is what happens in a move.
type act int

const (
	decide  act = iota // the manager reads, decides and stores
	send               // it sends what is pending
	deliver            // a command reaches its participant, which answers
	arrive             // an answer that was held up arrives
	come               // an event that was held up comes
	serve              // a service does, on its own, an observed step
	happen             // an awaited event happens
	approve            // a person approves
	wait               // a delay is under way
	resume             // a suspension ends
	tick               // nothing else is left to happen: time passes until the next timer
)

// move is one move of a life. index is that of a command, a late answer or event, or a step; at is when the next timer runs out.
type move struct {
	act   act
	index int
	at    time.Time
}

// next returns what happens next where nothing goes wrong, and false at the end.
func (r *run) next() (move, bool) {
	if len(r.broken) > 0 || len(r.world.Problems()) > 0 {
		return move{}, false
	}
	if r.unread || len(r.saga.Replies) > 0 || len(r.saga.Events) > 0 || r.manager.Heard(r.saga) {
		return move{act: decide}, true
	}
	owes, err := r.manager.Owes(r.saga)
	r.must(err)
	if owes {
		return move{act: send}, true
	}
	if len(r.world.Commands) > 0 && r.arrival() < 0 && r.lateEventDue() < 0 {
		return move{act: deliver, index: r.nextCommand()}, true
	}
	for _, candidate := range []struct {
		act   act
		index int
	}{
		{arrive, r.arrival()}, {come, r.lateEventDue()}, {serve, r.serving()}, {resume, suspended(r.saga.Spec.Suspend)},
		{happen, r.awaited()}, {approve, r.approvable()}, {wait, r.delaying()},
	} {
		if candidate.index >= 0 {
			return move{act: candidate.act, index: candidate.index}, true
		}
	}
	return r.pass()
}

func suspended(is bool) int {
	if is {
		return 0
	}
	return -1
}

// pass lets time pass, as long as anything waits for it; then what was held up comes after all.
func (r *run) pass() (move, bool) {
	switch due := r.nextTimer(); {
	case !due.IsZero():
		return move{act: tick, at: due}, true
	case len(r.late) > 0:
		return move{act: arrive}, true
	case len(r.lateEvents) > 0:
		return move{act: come}, true
	}
	return move{}, false
}

// nextCommand prefers what the living saga sent: what a lost run had sent arrives last.
func (r *run) nextCommand() int {
	for i, m := range r.world.Commands {
		if m.SagaUID == r.saga.UID {
			return i
		}
	}
	return 0
}

// nextTimer is when the next timer runs out, or zero.
func (r *run) nextTimer() (due time.Time) {
	for _, t := range r.saga.Run.Timers(r.state()) {
		if at, ok := r.dueAt(t); ok && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	return due
}

func (r *run) dueAt(t engine.Timer) (time.Time, bool) {
	if t.Kind != engine.TimerAttempt {
		return t.At, true
	}
	sent, ok := r.world.SentAt(r.saga.UID, t)
	return sent.Add(t.Timeout), ok
}

func (r *run) do(m move) {
	switch m.act {
	case decide:
		r.decide()
	case send:
		r.noteSending()
		r.must(r.manager.Resend(r.saga, r.saga.Store.Version()))
	case deliver:
		r.deliver(m.index)
	case arrive:
		r.arrive(m.index)
	case come:
		r.comeLate(m.index)
	case serve:
		r.serveWell(m.index)
	case happen:
		r.happenWell(m.index)
	case approve:
		r.approve(m.index, v1alpha1.ResolutionMarkDone)
	case wait:
		r.happened[m.index] = true
	case resume:
		r.say("the saga is resumed")
		r.saga.Spec.Suspend, r.unread = false, true
	case tick:
		if m.at.After(r.world.Now) {
			r.world.Now = m.at
		}
		r.unread = true
	}
}

// decide lets the manager read at most one answer, decide and store. It sends in a move of its own.
func (r *run) decide() {
	before := r.state()
	turn := simulate.Turn{Saga: r.saga, Version: r.saga.Store.Version(), Stop: simulate.StopToSend, TimeOut: func(t engine.Timer) bool {
		at, ok := r.dueAt(t)
		return ok && !r.world.Now.Before(at)
	}}
	r.read = nil
	if len(r.saga.Replies) > 0 {
		turn.Replies, r.read = []int{0}, r.saga.Replies[:1:1]
	} else if len(r.saga.Events) > 0 {
		turn.Events = []int{0}
	}
	r.must(r.manager.Reconcile(turn))
	r.unread = false
	r.tellChange(before, r.state())
}

func (r *run) noteSending() {
	pending, err := r.saga.Run.Pending(r.state())
	r.must(err)
	for _, c := range pending {
		p := place{c.Step, c.Direction}
		if _, ok := r.begun[p]; !ok {
			r.begun[p] = r.world.Now
		}
		if c.Publish {
			r.say("%s (%s) is published", c.Type, c.Step)
		}
	}
}

// tellChange says what a decision changed, as far as people care.
func (r *run) tellChange(before, after engine.State) {
	if before.Cause == nil && after.Cause != nil {
		r.say("the saga turns back: %s", causeInWords(after.Cause))
	}
	for i := range after.Steps {
		if i < len(before.Steps) && before.Steps[i].State == after.Steps[i].State {
			continue
		}
		if st := &after.Steps[i]; st.State == v1alpha1.StepNeedsIntervention {
			r.say("%s waits for a person: %s", st.Name, waitInWords(st))
		}
	}
	if before.EndTime == nil && after.EndTime != nil {
		r.say("the saga ends as %s", r.phase(after))
	}
}
