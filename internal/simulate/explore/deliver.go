package explore

import (
	"fmt"
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

// lateReply is an answer that is held up.
type lateReply struct {
	simulate.Reply
	fault fault
	name  string
}

// deliver hands a command to its participant, and its answer to the saga, as its place has the habit.
func (r *run) deliver(i int) {
	m := r.world.Commands[i]
	p := place{m.Step, m.Direction}
	h, ok := r.habits[p]
	if !ok || m.SagaUID != r.saga.UID {
		r.deliverWell(i, simulate.Delivery{})
		return
	}
	if h.left--; h.left == 0 {
		delete(r.habits, p)
	} else {
		r.habits[p] = h
	}
	r.deliverBadly(i, h.fault)
}

func (r *run) deliverWell(i int, d simulate.Delivery) {
	m := r.world.Commands[i]
	r.comeTo(engine.Succeeded, r.answerOf(m))
	r.world.Deliver(i, d)
	r.tellAnswer(m, d)
}

func (r *run) tellAnswer(m simulate.Message, d simulate.Delivery) {
	if m.SagaUID != r.saga.UID {
		r.say("%s of the lost run arrives", r.name(m))
		return
	}
	if n := len(r.saga.Replies); n > 0 && r.saga.Replies[n-1].Outcome != engine.Succeeded {
		r.say("%s is answered %s %s", r.name(m), r.saga.Replies[n-1].Outcome, r.saga.Replies[n-1].Body)
		return
	}
	twice := ""
	if d.Twice {
		twice = ", twice"
	}
	r.say("%s is sent, %s and is answered%s", r.name(m), effectOf(m), twice)
}

func effectOf(m simulate.Message) string {
	if m.Direction == engine.Backward {
		return "undoes"
	}
	return "takes effect"
}

// deliverBadly does what a fault says with one attempt.
func (r *run) deliverBadly(i int, f fault) {
	m := r.world.Commands[i]
	switch f {
	case declined:
		r.answerBadly(i, simulate.Answer{Outcome: engine.Failed, Body: []byte(`{"code":"DECLINED"}`)}, "a business failure: nothing was done")
	case declinedForNow:
		r.answerBadly(i, simulate.Answer{Outcome: engine.Failed, Body: fmt.Appendf(nil, `{"code":%q}`, r.x.policy(m).Retryable[0])}, "a failure that is tried again")
	case busyForGood:
		r.answerBadly(i, simulate.Answer{Outcome: engine.Retry, Body: fmt.Appendf(nil, `{"code":%q}`, r.x.policy(m).NonRetryable[0])}, "a transient failure that is not tried again")
	case busyOnce, busyAlways:
		r.answerBadly(i, simulate.Answer{Outcome: engine.Retry, Body: []byte(`{"code":"BUSY"}`)}, "a transient failure: try again")
	case lostOnce, lostAlways:
		r.world.Drop(i)
		r.sayOfAttempt(m, "is sent and never arrives: no answer within %s", m.Timeout)
	case silentOnce, silentAlways:
		r.comeTo(engine.Succeeded, r.answerOf(m))
		r.world.Deliver(i, simulate.Delivery{Silent: true})
		r.sayOfAttempt(m, "is sent and %s, but no answer comes within %s", effectOf(m), m.Timeout)
	case lateOnce, lateAlways, overtaken:
		r.holdUp(i, f)
	case duplicated:
		r.deliverWell(i, simulate.Delivery{Twice: true})
	default:
		r.deliverWell(i, simulate.Delivery{})
	}
}

func (r *run) answerBadly(i int, a simulate.Answer, words string) {
	m := r.world.Commands[i]
	r.comeTo(a.Outcome, a.Body)
	r.world.Deliver(i, simulate.Delivery{})
	if n := len(r.saga.Replies); n > 0 && string(r.saga.Replies[n-1].Body) != string(a.Body) {
		words = "as it was answered before"
	}
	r.sayOfAttempt(m, "is sent and answered with %s", words)
}

// holdUp executes a command and keeps its answer back.
func (r *run) holdUp(i int, f fault) {
	m := r.world.Commands[i]
	r.comeTo(engine.Succeeded, r.answerOf(m))
	before := len(r.saga.Replies)
	r.world.Deliver(i, simulate.Delivery{})
	r.late = append(r.late, lateReply{Reply: r.saga.Replies[before], fault: f, name: r.name(m)})
	r.saga.Replies = r.saga.Replies[:before]
	r.sayOfAttempt(m, "is sent and %s, but its answer is held up for more than %s", effectOf(m), m.Timeout)
}

// arrival returns the index of a late answer whose moment has come, or -1.
func (r *run) arrival() int {
	return slices.IndexFunc(r.late, func(l lateReply) bool {
		x := r.exchange(place{l.Step, l.Direction})
		if x == nil || l.SagaUID != r.saga.UID {
			return true
		}
		settled := x.Outcome == v1alpha1.ExchangeSucceeded || x.Outcome == v1alpha1.ExchangeFailed
		gaveUp := settled || x.Outcome == v1alpha1.ExchangeUnknown
		switch l.fault {
		case lateAlways:
			return gaveUp
		case overtaken:
			return settled
		default:
			return gaveUp || x.Round > l.Round || x.Attempt > l.Attempt || x.Outcome == v1alpha1.ExchangeRetrying
		}
	})
}

func (r *run) arrive(i int) {
	l := r.late[i]
	r.late = slices.Delete(slices.Clone(r.late), i, i+1)
	if l.SagaUID != r.saga.UID {
		return // nobody reads for a saga that is gone
	}
	r.say("the answer to %s arrives", l.name)
	r.saga.Replies = append(r.saga.Replies, l.Reply)
}

func (r *run) answerOf(m simulate.Message) []byte {
	if m.Direction == engine.Backward {
		return nil
	}
	return r.x.Answers[m.Step]
}

// name is how people know a command.
func (r *run) name(m simulate.Message) string {
	name := fmt.Sprintf("%s (%s", m.Type, m.Step)
	if m.Direction == engine.Backward {
		name = fmt.Sprintf("%s (undoes %s", m.Type, m.Step)
	}
	if m.Attempt > 1 {
		name += fmt.Sprintf(", attempt %d", m.Attempt)
	}
	return name + ")"
}

func (r *run) sayOfAttempt(m simulate.Message, format string, args ...any) {
	r.lines = append(r.lines, line{
		text: fmt.Sprintf("%s %s", r.name(m), fmt.Sprintf(format, args...)), short: fmt.Sprintf("attempt %d", m.Attempt),
		group: fmt.Sprintf("%s/%s/%s", m.Step, m.Direction, format),
	})
}

// owed names the first command that is pending.
func (r *run) owed() string {
	pending, err := r.saga.Run.Pending(r.state())
	r.must(err)
	if len(pending) == 0 {
		return "anything"
	}
	return r.name(simulate.Message{Command: pending[0]})
}
