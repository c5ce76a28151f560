package engine

import (
	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// reply settles an answer. All attempts of one step, direction and round are one question: the first succeeded or failed
// to any of them settles it, and only retry must match the current attempt.
func (d *decision) reply(e Replied) Verdict {
	i, ok := d.index[e.Step]
	if !ok || e.Direction != Backward && !d.asks(i) {
		return Unheard
	}
	if c := d.Program.steps[i].compensation; e.Direction == Backward && (c == nil || c.publish) {
		return Unheard
	}
	st := &d.s.Steps[i]
	x := exchangeOf(st, e.Direction)
	if x == nil || notAsked(x, e) {
		return Unheard
	}
	if d.ended() || e.Round < x.Round {
		return lateEffect(st, x, e)
	}
	id := commandKey(e.Step, e.Direction, e.Round, e.Attempt)
	if e.Direction == Backward {
		return d.by(id, d.backwardReply(i, x, e))
	}
	return d.by(id, d.forwardReply(i, x, e))
}

// by remembers id as what led to the commands of this decision, where its reply changed something.
func (d *decision) by(id string, v Verdict) Verdict {
	if v == Applied {
		d.causedBy = id
	}
	return v
}

func exchangeOf(st *v1alpha1.StepStatus, dir Direction) *v1alpha1.Exchange {
	if dir == Backward {
		return st.Compensation
	}
	return st.Action
}

// notAsked says whether e answers what x has not asked yet, as far as this copy of the state knows.
func notAsked(x *v1alpha1.Exchange, e Replied) bool {
	if neverSent(x) {
		return true
	}
	return e.Round > x.Round || e.Round == x.Round && e.Attempt > x.Attempt || e.Round < 1 || e.Attempt < 1
}

// neverSent says whether x only records that its input could not be rendered.
func neverSent(x *v1alpha1.Exchange) bool {
	return x.Outcome == v1alpha1.ExchangeFailed && x.StartTime == nil
}

// lateEffect judges a reply that can change nothing any more: a success that nobody reckons with is Late.
func lateEffect(st *v1alpha1.StepStatus, x *v1alpha1.Exchange, e Replied) Verdict {
	unknown := e.Round < x.Round || e.Direction == Forward && st.State == v1alpha1.StepFailed
	if e.Outcome == Succeeded && unknown {
		return Late
	}
	return Settled
}

func (d *decision) forwardReply(i int, x *v1alpha1.Exchange, e Replied) Verdict {
	open := x.Outcome == v1alpha1.ExchangeWaiting || x.Outcome == v1alpha1.ExchangeRetrying || x.Outcome == v1alpha1.ExchangeUnknown
	switch {
	case e.Outcome == Retry && x.Outcome == v1alpha1.ExchangeWaiting && e.Attempt == x.Attempt:
		d.answeredRetry(i, Forward, readFailure(e.Body))
		return Applied
	case e.Outcome == Succeeded && open:
		d.succeeded(i, x, e)
		return Applied
	case e.Outcome == Succeeded && x.Outcome == v1alpha1.ExchangeFailed:
		d.succeededAfterFailed(i, x, e)
		return Applied
	case e.Outcome == Failed && open:
		return d.failed(i, x, e)
	default:
		return Settled
	}
}

// succeeded records that the action took effect, whatever the saga has come to think of it meanwhile.
func (d *decision) succeeded(i int, x *v1alpha1.Exchange, e Replied) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	d.end(x, v1alpha1.ExchangeSucceeded)
	x.Code, x.Message = "", ""
	forward := st.State == v1alpha1.StepRunning || st.State == v1alpha1.StepNeedsIntervention && st.Compensation == nil
	output, refused := d.keep(def, e.Body, e.DataSchema)
	if refused.code != "" {
		x.Code, x.Message = refused.code, refused.message
	} else if forward && d.outputOpen(i) {
		st.Output = output // not where a person decided meanwhile: later commands were sent without it
	}
	if st.State == v1alpha1.StepFailed {
		d.wait(st) // its compensation was refused, as another saga's: whose the effect is, a person must find out
	}
	if !forward {
		return // it is on its way to being undone, as what may have taken effect is
	}
	st.State = v1alpha1.StepSucceeded
	if refused.code != "" && def.recovery == v1alpha1.RecoveryCompensatable {
		if def.optional {
			st.State = v1alpha1.StepUnknown // to be undone
		}
		d.stepFailed(i, failure(st, x))
	}
}

// outputOpen says whether the output of step i may still be added. Once something that may read it is being undone it may not: a
// compensation that was sent must be the same when it is sent again.
func (d *decision) outputOpen(i int) bool {
	for j := range d.s.Steps {
		reads := j == i || d.Program.steps[j].ancestors.has(i)
		if reads && d.s.Steps[j].Compensation != nil {
			return false
		}
	}
	return true
}

// succeededAfterFailed takes back what the failure had led to, as far as that is possible.
func (d *decision) succeededAfterFailed(i int, x *v1alpha1.Exchange, e Replied) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	switch {
	case st.State == v1alpha1.StepFailed && (def.recovery != v1alpha1.RecoveryCompensatable || st.Compensation != nil):
		d.wait(st) // everything else is being undone, and this cannot be: a person must know
	case st.State == v1alpha1.StepFailed && !d.backward():
		st.State = v1alpha1.StepUnknown // an optional step, to be undone while the rest goes on
	case st.State == v1alpha1.StepFailed:
		st.State = v1alpha1.StepSucceeded // to be undone with the others
	case st.State == v1alpha1.StepNeedsIntervention && st.Compensation == nil && !d.backward():
		st.State = v1alpha1.StepRunning // it waited because it had failed
		d.succeeded(i, x, e)
		return
	}
	d.end(x, v1alpha1.ExchangeSucceeded)
	x.Code, x.Message = v1alpha1.CodeLateSuccess, "succeeded was answered after failed"
}

// failed records a business failure.
func (d *decision) failed(i int, x *v1alpha1.Exchange, e Replied) Verdict {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	f := d.failureOf(i, e.Body)
	if d.ownDoing(st, x, f.code, e.Attempt) {
		return Settled
	}
	answered := x.Unanswered == 0 && (x.Outcome != v1alpha1.ExchangeWaiting || e.Attempt == x.Attempt)
	waits := st.State == v1alpha1.StepRunning || st.State == v1alpha1.StepNeedsIntervention && st.Compensation == nil && !d.backward()
	if answered && st.State == v1alpha1.StepRunning && d.triesAnew(i, Forward, f) {
		d.nextRound(i, Forward, f)
		return Applied
	}
	d.end(x, v1alpha1.ExchangeFailed)
	x.Code, x.Message = f.code, f.message
	switch {
	case f.code == v1alpha1.CodeKeyUsed:
		d.keyUsed(i, x, waits)
	case !waits:
		if st.State == v1alpha1.StepUnknown && answered && !d.mayBeFurther(i) {
			st.State = v1alpha1.StepFailed
		}
	case def.recovery == v1alpha1.RecoveryRetriable, def.recovery == v1alpha1.RecoveryPivot && d.mayBeFurther(i):
		d.wait(st)
	case def.recovery == v1alpha1.RecoveryPivot || answered && !d.mayBeFurther(i):
		st.State = v1alpha1.StepFailed
		d.stepFailed(i, failure(st, x))
	default:
		st.State = v1alpha1.StepUnknown // an attempt that nobody answered may have taken effect
		d.stepFailed(i, failure(st, x))
	}
	return Applied
}

// ownDoing says whether a participant refused an attempt because of what this saga itself has done since.
func (d *decision) ownDoing(st *v1alpha1.StepStatus, x *v1alpha1.Exchange, code string, attempt int32) bool {
	switch code {
	case v1alpha1.CodeUndone:
		return st.Compensation != nil
	case v1alpha1.CodeKeyUsed: // a command from before the adoption
		return latched(d.s, v1alpha1.LatchAdopt) && attempt <= x.Granted
	}
	return false
}

func failure(st *v1alpha1.StepStatus, x *v1alpha1.Exchange) v1alpha1.Cause {
	return v1alpha1.Cause{Reason: v1alpha1.ReasonStepFailed, Step: st.Name, Code: x.Code, Message: x.Message}
}

// keyUsed handles the answer that another saga has used the key: nothing of ours was done, and nothing is undone.
func (d *decision) keyUsed(i int, x *v1alpha1.Exchange, waits bool) {
	st := &d.s.Steps[i]
	switch {
	case !waits && st.State == v1alpha1.StepUnknown && latched(d.s, v1alpha1.LatchAdopt) && !x.Adopts:
		disregard(x)
	case !waits && st.State == v1alpha1.StepUnknown:
		st.State = v1alpha1.StepFailed
	case !waits: // being undone, or decided by a person
	case latched(d.s, v1alpha1.LatchAdopt) && !x.Adopts && !d.backward():
		d.continueLost(i)
	case d.backward() && latched(d.s, v1alpha1.LatchAdopt) && !x.Adopts:
		st.State = v1alpha1.StepUnknown // the lost run's, which this saga has come to continue
		disregard(x)
	case d.backward():
		st.State = v1alpha1.StepFailed
	case d.saga.OnKeyUsed == v1alpha1.KeyUsedEnd && !d.beyond(i) && !d.othersBegun(i):
		st.State = v1alpha1.StepFailed
		d.turnBack(failure(st, x))
	default:
		d.wait(st)
	}
}

func (d *decision) backwardReply(i int, x *v1alpha1.Exchange, e Replied) Verdict {
	st := &d.s.Steps[i]
	if st.State != v1alpha1.StepCompensating && st.State != v1alpha1.StepNeedsIntervention {
		return Settled
	}
	f := readFailure(e.Body)
	switch {
	case e.Outcome == Succeeded:
		d.end(x, v1alpha1.ExchangeSucceeded)
		x.Code, x.Message = "", ""
		st.State = v1alpha1.StepCompensated
	case e.Outcome == Retry && x.Outcome == v1alpha1.ExchangeWaiting && e.Attempt == x.Attempt:
		d.answeredRetry(i, Backward, f)
	case e.Outcome == Failed && x.Outcome != v1alpha1.ExchangeFailed:
		return d.compensationFailed(i, x, e, f)
	default:
		return Settled
	}
	return Applied
}

func (d *decision) compensationFailed(i int, x *v1alpha1.Exchange, e Replied, f failureBody) Verdict {
	st := &d.s.Steps[i]
	used := f.code == v1alpha1.CodeKeyUsed
	if used && x.Adopts && e.Attempt <= x.Granted {
		return Settled // answers a command from before the adoption
	}
	if x.Unanswered == 0 && d.triesAnew(i, Backward, f) {
		d.nextRound(i, Backward, f)
		return Applied
	}
	d.end(x, v1alpha1.ExchangeFailed)
	x.Code, x.Message = f.code, f.message
	switch {
	case used && latched(d.s, v1alpha1.LatchAdopt) && !x.Adopts:
		d.again(i, Backward)
	case used && (st.Action == nil || st.Action.Outcome != v1alpha1.ExchangeSucceeded):
		st.State = v1alpha1.StepFailed // the row is another saga's: what this one asked for was never done
	default:
		d.wait(st)
	}
	return Applied
}

// end closes an exchange; what only a command in flight needs goes.
func (d *decision) end(x *v1alpha1.Exchange, outcome v1alpha1.ExchangeOutcome) {
	x.Outcome, x.EndTime, x.RetryTime, x.ExpiryTime, x.DueTime, x.CausedBy = outcome, d.time(), nil, nil, nil, ""
}

// wait makes the step wait for a person, if it does not already.
func (d *decision) wait(st *v1alpha1.StepStatus) {
	if st.State == v1alpha1.StepNeedsIntervention {
		return
	}
	st.State = v1alpha1.StepNeedsIntervention
	st.Decision++
	d.s.Interventions++
	d.s.InterventionTime = d.time()
}
