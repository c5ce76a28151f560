package engine

import (
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// resolve takes a person's decision about a step that waits. A decision about an earlier wait is settled, one that
// does not fit is refused.
func (d *decision) resolve(r v1alpha1.Resolution) Verdict {
	i, ok := d.index[r.Step]
	if !ok {
		return Refused
	}
	st := &d.s.Steps[i]
	switch {
	case r.Decision < st.Decision, r.Decision == st.Decision && !d.decidable(i), d.ended():
		return Settled
	case r.Decision > st.Decision:
		return Refused
	}
	if !d.resolvable(i, r.Action) || !d.takes(i, r) {
		return Refused
	}
	switch {
	case d.awaitsApproval(d.s, i):
		d.decide(i, r)
	case d.undoing(i):
		d.resolveBackward(i, r)
	default:
		d.resolveForward(i, r)
	}
	st.Resolved = &v1alpha1.Resolved{Decision: r.Decision, Action: r.Action, By: r.By, Reason: r.Reason}
	return Applied
}

// decidable says whether step i waits for a person.
func (d *decision) decidable(i int) bool {
	return d.s.Steps[i].State == v1alpha1.StepNeedsIntervention || d.awaitsApproval(d.s, i)
}

// awaitsApproval says whether step i waits for a person's approval, in time.
func (p *Program) awaitsApproval(s *State, i int) bool {
	return p.steps[i].kind == kindApproval && p.isOpen(s, i)
}

// undoing says whether a decision about step i is one about undoing it: also that of an optional step whose saga goes on.
func (d *decision) undoing(i int) bool {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	optional := def.optional && st.State == v1alpha1.StepNeedsIntervention && !keyUsedWait(st) && !d.unheardWait(i)
	return d.backward() || st.Compensation != nil || optional
}

// resolvable is the table of who may decide what: docs/architecture.md, "Life of a saga".
func (d *decision) resolvable(i int, action v1alpha1.ResolutionAction) bool {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	switch {
	case d.awaitsApproval(d.s, i):
		return action != v1alpha1.ResolutionCompensate || def.recovery != v1alpha1.RecoveryRetriable
	case d.undoing(i):
		return action != v1alpha1.ResolutionCompensate && (action != v1alpha1.ResolutionRetry || def.compensation != nil)
	case def.recovery == v1alpha1.RecoveryCompensatable && !d.unheardWait(i):
		return false // it waits as KeyUsed: abort or adopt
	case action == v1alpha1.ResolutionCompensate:
		return def.recovery != v1alpha1.RecoveryRetriable
	case action == v1alpha1.ResolutionRetry:
		return !keyUsedWait(st) && d.s.SuspendTime == nil // suspended, nothing is asked forward: resume first
	default:
		return true
	}
}

// takes says whether the output that comes with a decision, if any, is an object within its bounds, and whether this person has
// not approved already.
func (d *decision) takes(i int, r v1alpha1.Resolution) bool {
	if d.awaitsApproval(d.s, i) && r.Action == v1alpha1.ResolutionMarkDone && slices.Contains(d.s.Steps[i].ApprovedBy, r.By) {
		return false // the same person twice
	}
	if r.Action != v1alpha1.ResolutionMarkDone || r.Output == nil || d.undoing(i) {
		return true
	}
	_, refused := d.keep(&d.Program.steps[i], r.Output.Raw, "")
	return refused.code == ""
}

func (d *decision) resolveForward(i int, r v1alpha1.Resolution) {
	st := &d.s.Steps[i]
	switch r.Action {
	case v1alpha1.ResolutionRetry:
		d.again(i, Forward)
	case v1alpha1.ResolutionSkip:
		st.State = v1alpha1.StepSkipped
	case v1alpha1.ResolutionMarkDone:
		st.State = v1alpha1.StepSucceeded
		if r.Output != nil {
			st.Output, _ = d.keep(&d.Program.steps[i], r.Output.Raw, "") // takes has judged it
		}
	case v1alpha1.ResolutionCompensate:
		d.notDone(i, r.Reason)
	}
}

// notDone turns the saga back on a person's word: a pivot was not done; what nobody has told of is undone all the same.
func (d *decision) notDone(i int, reason string) {
	st := &d.s.Steps[i]
	cause := v1alpha1.Cause{Reason: v1alpha1.ReasonOutcomeUnknown, Step: st.Name, Code: v1alpha1.CodeNotDone, Message: clip(reason, maxMessage)}
	if d.unheardWait(i) {
		d.takeForAlive(i)
		cause.Code = v1alpha1.CodeUnheard
		d.stepFailed(i, cause)
		return
	}
	if keyUsedWait(st) { // it says no more than that this saga has not done it
		st.State, cause.Code = v1alpha1.StepFailed, v1alpha1.CodeKeyUsed
		d.turnBack(cause)
		return
	}
	st.State = v1alpha1.StepFailed
	d.end(st.Action, v1alpha1.ExchangeFailed)
	st.Action.Code, st.Action.Message = v1alpha1.CodeNotDone, ""
	d.turnBack(cause)
}

func (d *decision) resolveBackward(i int, r v1alpha1.Resolution) {
	st := &d.s.Steps[i]
	switch r.Action {
	case v1alpha1.ResolutionRetry:
		d.again(i, Backward)
	case v1alpha1.ResolutionSkip:
		st.State = v1alpha1.StepNotCompensated
	case v1alpha1.ResolutionMarkDone:
		st.State = v1alpha1.StepCompensated
	case v1alpha1.ResolutionCompensate: // not resolvable
	}
}

// continueLost asks again, under the same key, what was refused because the lost run had used it: at once, unless this
// decision turns the saga back or a suspension holds it.
func (d *decision) continueLost(i int) {
	st := &d.s.Steps[i]
	x := st.Action
	st.State = v1alpha1.StepRunning
	x.Outcome, x.EndTime, x.RetryTime, x.Granted = v1alpha1.ExchangeRetrying, nil, d.time(), x.Attempt
	d.due = append(d.due, Timer{Kind: TimerBackoff, Step: st.Name, Direction: Forward, Round: x.Round, Attempt: x.Attempt})
}

// again asks once more: in the next round, under a new key, where the answer was failed; else with the next attempt.
// A compensation that was refused as KeyUsed is asked under the same key, since that is what adopting is about.
func (d *decision) again(i int, dir Direction) {
	st := &d.s.Steps[i]
	if dir == Forward && d.waitsAgain(i) {
		return
	}
	st.State = v1alpha1.StepRunning
	if dir == Backward {
		st.State = v1alpha1.StepCompensating
	}
	x := exchangeOf(st, dir)
	switch {
	case x == nil && dir == Backward: // its turn comes once what builds on it is undone
		d.causedBy = ""
		st.State = v1alpha1.StepUnknown
		return
	case x == nil:
		d.causedBy = ""
		d.ask(i, dir, 1)
		return
	}
	if x.Outcome == v1alpha1.ExchangeFailed && x.Code != v1alpha1.CodeKeyUsed {
		cause := ""
		round := x.Round + 1
		if neverSent(x) {
			round = x.Round
		} else {
			cause = commandKey(st.Name, dir, x.Round, x.Attempt)
		}
		d.causedBy = cause
		d.ask(i, dir, round)
		return
	}
	x.Granted = x.Attempt
	d.nextAttempt(i, dir)
}

// waitsAgain begins a wait, or what could not be evaluated, once more. False: there is something to ask instead.
func (d *decision) waitsAgain(i int) bool {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	waits := def.kind == kindDelay || def.kind == kindApproval || def.await != nil
	switch {
	case neverSent(st.Action) && (waits || def.when != nil || def.once):
		d.causedBy = ""
		d.begin(i)
	case !waits:
		return false
	case def.kind == kindApproval:
		st.State = v1alpha1.StepRunning
		d.stamp(i, Forward, st.Action, "")
		d.askPeopleAgain(i)
	default:
		d.listenAgain(i)
	}
	return true
}

// decide takes a person's decision about an approval.
func (d *decision) decide(i int, r v1alpha1.Resolution) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	switch r.Action {
	case v1alpha1.ResolutionRetry:
		d.askPeopleAgain(i)
	case v1alpha1.ResolutionSkip:
		d.end(st.Action, v1alpha1.ExchangeSucceeded)
		st.State = v1alpha1.StepSkipped
	case v1alpha1.ResolutionMarkDone:
		st.ApprovedBy = append(st.ApprovedBy, r.By)
		if len(st.ApprovedBy) < def.approval.approvers {
			st.Decision++
			return
		}
		if r.Output != nil {
			st.Output, _ = d.keep(def, r.Output.Raw, "") // takes has judged it
		}
		d.end(st.Action, v1alpha1.ExchangeSucceeded)
		st.State = v1alpha1.StepSucceeded
	case v1alpha1.ResolutionCompensate:
		d.end(st.Action, v1alpha1.ExchangeFailed)
		st.Action.Code, st.Action.Message = v1alpha1.CodeDeclined, clip(r.Reason, maxMessage)
		st.State = v1alpha1.StepFailed
		d.stepFailed(i, failure(st, st.Action))
	}
}
