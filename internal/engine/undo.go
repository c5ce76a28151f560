package engine

import (
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// advanceBackward waits for what is in flight, then undoes in reverse order every step that took effect or may have.
func (d *decision) advanceBackward() {
	for i := range d.s.Steps {
		d.stopWaiting(i)
	}
	for i := range d.s.Steps {
		if d.s.Steps[i].State == v1alpha1.StepRunning {
			return
		}
	}
	if i := d.passedUnasked(); i >= 0 {
		d.wait(&d.s.Steps[i])
		d.changed = true
	}
	for i := len(d.s.Steps) - 1; i >= 0; i-- {
		if d.undoable(i) && d.followersUndone(i) {
			d.undo(i)
		}
	}
	for i := range d.s.Steps {
		if !d.restsBackward(i) {
			return
		}
	}
	d.finish()
}

// stopWaiting ends what a saga on its way back does not wait for: the next attempt, a time, a person, an event.
func (d *decision) stopWaiting(i int) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	switch {
	case keyUsedWait(st):
		st.State = v1alpha1.StepFailed // nothing of this saga was done
		d.changed = true
	case st.State == v1alpha1.StepNeedsIntervention && st.Compensation == nil && st.Action != nil && neverSent(st.Action) && !latched(d.s, v1alpha1.LatchAdopt):
		st.State = v1alpha1.StepFailed // likewise: a person need not decide any more what to send
		d.changed = true
	case d.unheardWait(i):
		d.takeForAlive(i)
		d.changed = true
	case st.State == v1alpha1.StepNotStarted && len(st.Events) > 0 && !d.keyIsAnothers():
		d.takeEffect(i)
		d.changed = true
	case st.State != v1alpha1.StepRunning:
	case st.Action.Outcome == v1alpha1.ExchangeRetrying && st.Action.Attempt == 0:
		d.end(st.Action, v1alpha1.ExchangeFailed) // every attempt so far was answered
		st.State = v1alpha1.StepFailed
		if latched(d.s, v1alpha1.LatchAdopt) {
			st.State = v1alpha1.StepUnknown // the lost run may have come further
		}
		d.changed = true
	case st.Action.Outcome == v1alpha1.ExchangeRetrying:
		d.exhausted(i, Forward)
		d.changed = true
	case def.kind == kindDelay || def.kind == kindApproval || def.kind == kindAwait:
		d.cancel(i)
	}
}

// cancel ends a wait. An event that may have happened all the same is undone, where it can be.
func (d *decision) cancel(i int) {
	st := &d.s.Steps[i]
	d.changed = true
	st.Action.Code = v1alpha1.CodeCancelled
	if d.Program.steps[i].kind == kindAwait && d.Program.steps[i].compensation != nil && !d.keyIsAnothers() {
		d.end(st.Action, v1alpha1.ExchangeUnknown)
		st.State = v1alpha1.StepUnknown
		return
	}
	d.end(st.Action, v1alpha1.ExchangeFailed)
	st.State = v1alpha1.StepFailed
}

// undoable says whether a step took effect, or may have.
func (d *decision) undoable(i int) bool {
	s := d.s.Steps[i].State
	return s == v1alpha1.StepSucceeded || s == v1alpha1.StepUnknown || d.mayHaveBeenDone(i)
}

// unasked says whether step i, which this saga has not begun, may have been done all the same: by the run that it continues
// or, in a saga that only observes, by services that go on by themselves, unless something that the step waits for has failed.
func (d *decision) unasked(i int) bool {
	st := &d.s.Steps[i]
	switch st.State {
	case v1alpha1.StepNotStarted:
		return latched(d.s, v1alpha1.LatchAdopt) || d.observed && d.byOthers(i) && !d.blocked(i)
	case v1alpha1.StepFailed: // what this saga could not begin, the lost run perhaps could
		return latched(d.s, v1alpha1.LatchAdopt) && st.Action != nil && neverSent(st.Action)
	default:
		return false
	}
}

// byOthers says whether step i is done by services, not by the saga: nobody else publishes its events, waits for its times or asks
// for its approvals.
func (d *decision) byOthers(i int) bool {
	k := d.Program.steps[i].kind
	return k == kindAction || k == kindAwait
}

// blocked says whether a step that step i waits for has failed for good, so that nobody goes on to step i.
func (d *decision) blocked(i int) bool {
	def := &d.Program.steps[i]
	for j := range d.s.Steps {
		failed := d.s.Steps[j].State == v1alpha1.StepFailed && d.Program.steps[j].kind == kindAction && !d.Program.steps[j].optional
		if failed && def.ancestors.has(j) {
			return true
		}
	}
	return false
}

// passedUnasked returns the step that may have passed the point of no return although this saga never asked for it, or -1: the
// pivot or, where there is none, the first retriable step that may have been done. A person must know.
func (d *decision) passedUnasked() int {
	if d.Program.pivot >= 0 {
		if d.mayHavePassed(d.Program.pivot) {
			return d.Program.pivot
		}
		return -1
	}
	for i := d.Program.retry; i < len(d.s.Steps); i++ {
		if d.s.Steps[i].Decision > 0 {
			return -1 // a person knows
		}
		if d.mayHavePassed(i) {
			return i
		}
	}
	return -1
}

// mayHavePassed says so of one step.
func (d *decision) mayHavePassed(i int) bool {
	if !d.unasked(i) {
		return false
	}
	return d.observed && d.byOthers(i) && !d.blocked(i) || latched(d.s, v1alpha1.LatchAdopt) && !d.lostRunFailedToo()
}

// lostRunFailedToo says whether the run that this saga continues cannot have come further: where a participant answered failed, it
// answered the lost run the same. An event that did not come again, or a person who decided otherwise, says nothing.
func (d *decision) lostRunFailedToo() bool {
	i, ok := d.index[d.s.Cause.Step]
	if ok && d.s.Steps[i].Action != nil && neverSent(d.s.Steps[i].Action) {
		return false
	}
	failed := ok && d.s.Cause.Reason == v1alpha1.ReasonStepFailed && d.s.Cause.Code != v1alpha1.CodeKeyUsed
	return failed && d.Program.steps[i].kind == kindAction && !d.mayBeFurther(i)
}

// mayBeFurther says whether the run that this saga continues may have done step i in a later round than this one knows of: a round
// that was answered failed, with a code that another one follows on, or that nobody answered, says nothing about those behind it.
func (d *decision) mayBeFurther(i int) bool {
	x, codes := d.s.Steps[i].Action, d.Program.steps[i].action.retry.retryable
	switch {
	case !latched(d.s, v1alpha1.LatchAdopt) || !d.asks(i):
		return false
	case x == nil || neverSent(x) || x.Outcome == v1alpha1.ExchangeUnknown:
		return len(codes) > 0
	}
	return x.Outcome == v1alpha1.ExchangeFailed && (slices.Contains(codes, x.Code) || x.Code == v1alpha1.CodeExpired)
}

// mayHaveBeenDone says whether a step that this saga never asked for is undone all the same: only that leaves nothing behind.
func (d *decision) mayHaveBeenDone(i int) bool {
	return d.Program.steps[i].compensation != nil && d.unasked(i)
}

// followersUndone says whether nothing that builds on step i is left to be undone. One that waits for a person
// does not keep the others from being undone.
func (d *decision) followersUndone(i int) bool {
	for j := i + 1; j < len(d.s.Steps); j++ {
		waits := d.s.Steps[j].State == v1alpha1.StepNeedsIntervention
		if d.Program.steps[i].descendants.has(j) && !waits && !d.restsBackward(j) {
			return false
		}
	}
	return true
}

// restsBackward says whether nothing more is to be done about step i on the way back.
func (d *decision) restsBackward(i int) bool {
	switch d.s.Steps[i].State {
	case v1alpha1.StepNotStarted, v1alpha1.StepFailed:
		return !d.mayHaveBeenDone(i)
	case v1alpha1.StepCompensated, v1alpha1.StepNotCompensated, v1alpha1.StepSkipped:
		return true
	case v1alpha1.StepRunning, v1alpha1.StepSucceeded, v1alpha1.StepUnknown, v1alpha1.StepCompensating, v1alpha1.StepNeedsIntervention:
		return false
	}
	return false
}

func (d *decision) undo(i int) {
	d.changed = true
	st := &d.s.Steps[i]
	switch def := &d.Program.steps[i]; {
	case def.compensation == nil:
		st.State = v1alpha1.StepCompensated // it says that it changes nothing
		return
	case decidedToUndo(st):
	case d.doubtful(i):
		d.disown(i)
		return
	case d.unheardUndo(i):
		d.wait(st)
		return
	case d.mayBeFurther(i):
		d.wait(st) // nobody knows in which round the lost run has done it
		return
	}
	st.State = v1alpha1.StepCompensating
	d.ask(i, Backward, 1)
}

// decidedToUndo says whether a person has decided that a step is undone which nobody knows to have been done.
func decidedToUndo(st *v1alpha1.StepStatus) bool {
	return st.Resolved != nil && st.Resolved.Action == v1alpha1.ResolutionRetry && st.Resolved.Decision == st.Decision
}
