package engine

import (
	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

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
	case t.Kind == TimerAttempt && x.Outcome == v1alpha1.ExchangeWaiting && d.answers(i, t.Direction):
		x.Unanswered++
		x.Code, x.Message = v1alpha1.CodeTimeout, ""
		d.causedBy = commandKey(t.Step, t.Direction, t.Round, t.Attempt)
		d.transient(i, t.Direction, 0)
		return Applied
	case t.Kind == TimerBackoff && x.Outcome == v1alpha1.ExchangeRetrying && !d.now.Before(x.RetryTime) && !d.held(t.Direction):
		d.due = append(d.due, t)
		return Applied
	case (t.Kind == TimerDue || t.Kind == TimerAwait) && d.isOpen(d.s, i) && x.DueTime != nil && !d.now.Before(x.DueTime):
		return d.waitedEnough(i, t.Kind)
	}
	return Settled
}

// answers says whether what step i sends in a direction is answered.
func (p *Program) answers(i int, dir Direction) bool {
	c := p.call(i, dir)
	return c != nil && !c.publish
}

// waitedEnough ends a wait whose time has come.
func (d *decision) waitedEnough(i int, k TimerKind) Verdict {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	switch {
	case k == TimerDue && def.kind == kindDelay:
		d.passed(i)
		return Applied
	case k == TimerDue && def.kind != kindApproval, k == TimerAwait && def.await == nil:
		return Settled
	}
	x := st.Action
	x.Code, x.DueTime = v1alpha1.CodeTimeout, nil
	// Where nothing can be undone, an event that did not come and a person who did not decide have the same meaning.
	harmless := def.kind == kindApproval || def.kind == kindAwait && def.compensation == nil
	needed := def.recovery == v1alpha1.RecoveryRetriable || def.recovery == v1alpha1.RecoveryPivot && def.await != nil
	if !harmless || needed || d.heldUp(i) && !def.optional {
		d.exhausted(i, Forward)
		return Applied
	}
	d.end(x, v1alpha1.ExchangeFailed)
	st.State = v1alpha1.StepFailed
	d.stepFailed(i, failure(st, x))
	return Applied
}

// held says whether a suspension keeps commands of this direction back.
func (d *decision) held(dir Direction) bool { return dir == Forward && d.s.SuspendTime != nil }

// Timers returns when to look at the saga again: the deadline, what backs off, the attempts that wait for an answer, and the
// waits for a time, an event or a person.
func (r Run) Timers(s State) []Timer {
	if s.StartTime == nil || s.EndTime != nil || !r.fits(&s) {
		return nil
	}
	var timers []Timer
	if r.deadlineRuns(&s) && !latched(&s, v1alpha1.LatchDeadlineExceeded) {
		timers = append(timers, Timer{Kind: TimerDeadline, At: s.Deadline.Time})
	}
	for i := range s.Steps {
		for _, dir := range []Direction{Forward, Backward} {
			if t, ok := r.timer(&s, i, dir); ok {
				timers = append(timers, t)
			}
		}
	}
	return timers
}

func (r Run) timer(s *State, i int, dir Direction) (Timer, bool) {
	st, def := &s.Steps[i], &r.Program.steps[i]
	x := exchangeOf(st, dir)
	if x == nil {
		return Timer{}, false
	}
	t := Timer{Step: st.Name, Direction: dir, Round: x.Round, Attempt: x.Attempt}
	c := r.call(i, dir)
	switch {
	case x.Outcome == v1alpha1.ExchangeRetrying && x.RetryTime != nil && (dir == Backward || s.SuspendTime == nil):
		t.Kind, t.At = TimerBackoff, x.RetryTime.Time
	case x.Outcome != v1alpha1.ExchangeWaiting:
		return t, false
	case c != nil && !c.publish:
		t.Kind, t.Timeout = TimerAttempt, c.timeout
	case dir == Backward || x.DueTime == nil:
		return t, false
	case def.await != nil:
		t.Kind, t.At, t.Participant = TimerAwait, x.DueTime.Time, def.participant
	default:
		t.Kind, t.At = TimerDue, x.DueTime.Time
	}
	return t, true
}
