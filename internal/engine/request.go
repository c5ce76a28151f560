package engine

import (
	"slices"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// asked takes a request. Abort, adopt and delete are latched; abort and delete lift a suspension.
func (d *decision) asked(request Request) Verdict {
	if d.ended() {
		return Settled
	}
	switch request {
	case Abort:
		return d.undoAsked(v1alpha1.LatchAbort)
	case Delete:
		return d.undoAsked(v1alpha1.LatchDelete)
	case Adopt:
		return d.adopt()
	case Suspend:
		if d.s.SuspendTime != nil || d.backward() || latched(d.s, v1alpha1.LatchAbort) || latched(d.s, v1alpha1.LatchDelete) {
			return Settled
		}
		d.s.SuspendTime = d.time()
		return Applied
	case Resume:
		return d.resume()
	}
	return Settled
}

func (d *decision) undoAsked(l v1alpha1.Latch) Verdict {
	if !d.latch(l) {
		return Settled
	}
	d.resume()
	return Applied
}

// resume lets forward commands leave again. The deadline has not run meanwhile.
func (d *decision) resume() Verdict {
	if d.s.SuspendTime == nil {
		return Settled
	}
	if d.s.Deadline != nil {
		d.s.Deadline = metaTime(d.s.Deadline.Add(d.now.Sub(d.s.SuspendTime.Time)))
	}
	d.s.SuspendTime = nil
	return Applied
}

// adopt makes every later command continue the lost run, first of all those that were refused because of it. The deadline
// begins anew: what the lost run did in time must be found out, not undone because that takes until now.
func (d *decision) adopt() Verdict {
	if !d.latch(v1alpha1.LatchAdopt) {
		return Settled
	}
	if d.s.Deadline != nil && !d.backward() {
		from := deref(d.s.SuspendTime, d.now) // resuming will add the time since
		d.s.Deadline = metaTime(from.Add(d.Program.deadline))
	}
	for i := range d.s.Steps {
		d.adoptStep(i)
	}
	return Applied
}

func (d *decision) adoptStep(i int) {
	st := &d.s.Steps[i]
	rests := st.State == v1alpha1.StepNeedsIntervention || st.State == v1alpha1.StepFailed
	switch {
	case !rests:
	case refusedKey(st.Compensation):
		d.again(i, Backward)
	case st.Compensation != nil || !refusedKey(st.Action):
	case !d.backward():
		d.continueLost(i)
	case d.Program.steps[i].compensation != nil:
		st.State = v1alpha1.StepUnknown // the lost run's, now to be undone with the rest
	case d.Program.steps[i].recovery != v1alpha1.RecoveryCompensatable:
		d.wait(st) // the lost run's, which nothing can undo: a person must know
	}
}

// refusedKey says whether the answer was that another saga has used the key.
func refusedKey(x *v1alpha1.Exchange) bool {
	return x != nil && x.Outcome == v1alpha1.ExchangeFailed && x.Code == v1alpha1.CodeKeyUsed
}

// keyUsedWait says whether the step waits because another saga has used its key.
func keyUsedWait(st *v1alpha1.StepStatus) bool { return keyUsed(*st) }

func keyUsed(st v1alpha1.StepStatus) bool {
	return st.State == v1alpha1.StepNeedsIntervention && st.Compensation == nil && refusedKey(st.Action)
}

// published settles the broker's acknowledgement of an event.
func (d *decision) published(e Published) Verdict {
	if e.Step == "" {
		if e.Intervention > d.s.Interventions {
			return Unheard
		}
		if e.Intervention <= d.s.Announced || e.Intervention < d.s.Interventions || d.ended() || len(waiting(d.s)) == 0 {
			return Settled // nobody waits for it any more
		}
		d.s.Announced = e.Intervention
		return Applied
	}
	i, ok := d.index[e.Step]
	if !ok || !d.Program.steps[i].publish {
		return Settled
	}
	st := &d.s.Steps[i]
	if st.Action == nil || neverSent(st.Action) {
		return Unheard // an old copy
	}
	if st.Action.Outcome != v1alpha1.ExchangeWaiting {
		return Settled
	}
	d.end(st.Action, v1alpha1.ExchangeSucceeded)
	st.State = v1alpha1.StepSucceeded
	return Applied
}

// fired settles a timer. One that no longer fits the state has been overtaken.
func (d *decision) fired(t Timer) Verdict {
	if d.ended() {
		return Settled
	}
	if t.Kind == TimerDeadline {
		return d.deadlinePassed()
	}
	i, ok := d.index[t.Step]
	if !ok {
		return Settled
	}
	x := exchangeOf(&d.s.Steps[i], t.Direction)
	if x == nil || x.Round != t.Round || x.Attempt != t.Attempt {
		return Settled
	}
	switch {
	case t.Kind == TimerAttempt && x.Outcome == v1alpha1.ExchangeWaiting && !d.Program.steps[i].publish:
		x.Unanswered++
		x.Code, x.Message = v1alpha1.CodeTimeout, ""
		d.causedBy = commandKey(t.Step, t.Direction, t.Round, t.Attempt)
		d.transient(i, t.Direction, 0)
		return Applied
	case t.Kind == TimerBackoff && x.Outcome == v1alpha1.ExchangeRetrying && !d.now.Before(x.RetryTime) && !d.held(t.Direction):
		d.due = append(d.due, t)
		return Applied
	}
	return Settled
}

// held says whether a suspension keeps commands of this direction back.
func (d *decision) held(dir Direction) bool { return dir == Forward && d.s.SuspendTime != nil }

func (d *decision) deadlinePassed() Verdict {
	if !d.deadlineRuns(d.s) || d.now.Before(d.s.Deadline) {
		return Settled
	}
	if d.allDone() {
		return Settled // the last answer came in the same decision: nothing is left to be late
	}
	if !d.latch(v1alpha1.LatchDeadlineExceeded) {
		return Settled
	}
	return Applied
}

// deadlineRuns says whether the deadline counts: not while a suspension holds it, nor while a person is to decide whose the
// idempotency key is, since ending the saga would answer for them.
func (p *Program) deadlineRuns(s *State) bool {
	return s.Deadline != nil && s.SuspendTime == nil && s.Cause == nil && !p.committed(s) && !slices.ContainsFunc(s.Steps, keyUsed)
}

// Timers returns when to look at the saga again: the deadline, what backs off, and the attempts that wait for an answer.
func (r Run) Timers(s State) []Timer {
	if s.StartTime == nil || s.EndTime != nil || !r.fits(&s) {
		return nil
	}
	var timers []Timer
	if r.deadlineRuns(&s) && !latched(&s, v1alpha1.LatchDeadlineExceeded) {
		timers = append(timers, Timer{Kind: TimerDeadline, At: s.Deadline.Time})
	}
	for i := range s.Steps {
		st, def := &s.Steps[i], &r.Program.steps[i]
		if !def.publish {
			timers = append(timers, timersOf(st.Name, Forward, st.Action, def.action.timeout, s.SuspendTime != nil)...)
		}
		if def.compensation != nil {
			timers = append(timers, timersOf(st.Name, Backward, st.Compensation, def.compensation.timeout, false)...)
		}
	}
	return timers
}

func timersOf(step string, dir Direction, x *v1alpha1.Exchange, timeout time.Duration, held bool) []Timer {
	if x == nil {
		return nil
	}
	t := Timer{Step: step, Direction: dir, Round: x.Round, Attempt: x.Attempt}
	switch {
	case x.Outcome == v1alpha1.ExchangeWaiting:
		t.Kind, t.Timeout = TimerAttempt, timeout
	case x.Outcome == v1alpha1.ExchangeRetrying && x.RetryTime != nil && !held:
		t.Kind, t.At = TimerBackoff, x.RetryTime.Time
	default:
		return nil
	}
	return []Timer{t}
}
