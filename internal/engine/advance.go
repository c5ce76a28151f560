package engine

import (
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// advance turns the saga back where that was asked, starts what is due, and ends it where nothing is left.
func (d *decision) advance() {
	d.holdDeadline()
	if !d.backward() {
		d.turnBackIfAsked()
	}
	d.repeat()
	if !d.backward() {
		d.advanceForward()
	}
	if d.backward() { // perhaps only now: an input that could not be rendered
		d.advanceBackward()
	}
	d.holdDeadline()
}

// turnBackIfAsked obeys abort, delete and the deadline, unless the saga is beyond the point of no return or its pivot is in flight.
func (d *decision) turnBackIfAsked() {
	if d.committed(d.s) || d.pivotInFlight(d.s) {
		return
	}
	for _, asked := range []struct {
		latch  v1alpha1.Latch
		reason string
	}{
		{v1alpha1.LatchDelete, v1alpha1.ReasonDeleted},
		{v1alpha1.LatchAbort, v1alpha1.ReasonAborted},
		{v1alpha1.LatchDeadlineExceeded, v1alpha1.ReasonDeadlineExceeded},
	} {
		if asked.latch == v1alpha1.LatchDeadlineExceeded && slices.ContainsFunc(d.s.Steps, keyUsed) {
			continue
		}
		if latched(d.s, asked.latch) {
			d.turnBack(d.because(asked.reason))
			d.causedBy = "" // no command's answer or silence led to this
			return
		}
	}
}

// because is the cause of a saga that is asked to go back, and shows where its key was another's.
func (d *decision) because(reason string) v1alpha1.Cause {
	cause := v1alpha1.Cause{Reason: reason}
	if reason == v1alpha1.ReasonAborted {
		cause.Message = clip(d.abortWhy, maxMessage)
	}
	if i := slices.IndexFunc(d.s.Steps, keyUsed); i >= 0 {
		cause.Step, cause.Code = d.s.Steps[i].Name, v1alpha1.CodeKeyUsed
	}
	return cause
}

// repeat makes the attempts that are due. Only now: a saga that turns back in this decision asks nothing forward any more.
func (d *decision) repeat() {
	for _, t := range d.due {
		i := d.index[t.Step]
		x := exchangeOf(&d.s.Steps[i], t.Direction)
		current := x != nil && x.Outcome == v1alpha1.ExchangeRetrying && x.Round == t.Round && x.Attempt == t.Attempt
		if current && (t.Direction == Backward || !d.backward() && !d.held(Forward)) {
			d.nextAttempt(i, t.Direction)
		}
	}
}

// turnBack makes the saga go backward. The first cause stays.
func (d *decision) turnBack(cause v1alpha1.Cause) {
	if d.backward() {
		return
	}
	d.changed = true
	d.s.Cause = &cause
	d.s.SuspendTime = nil
}

// stepFailed is what the failure of step i means: the saga goes back or, where the step is optional, what it may have done is
// undone and the rest goes on.
func (d *decision) stepFailed(i int, cause v1alpha1.Cause) {
	if !d.Program.steps[i].optional {
		d.turnBack(cause)
	}
}

func (d *decision) advanceForward() {
	for d.doWhatIsDue() { // again: an event that a step leaves may complete one that is listed before it
	}
	if !d.backward() && d.allDone() {
		d.finish()
	}
}

// doWhatIsDue begins what is ready, and undoes what optional steps may have done that failed. It says whether there was anything.
func (d *decision) doWhatIsDue() (did bool) {
	for i := range d.Program.steps {
		st := &d.s.Steps[i]
		if st.State == v1alpha1.StepNotStarted && d.ready(i) && d.s.SuspendTime == nil {
			d.begin(i)
			did = true
		}
		if d.backward() {
			return false
		}
		if st.State == v1alpha1.StepUnknown { // an optional step, else the saga would go backward
			d.undo(i)
			did = true
		}
	}
	return did
}

// allDone says whether every step is done.
func (d *decision) allDone() bool {
	for i := range d.s.Steps {
		if !d.done(d.s, i) {
			return false
		}
	}
	return true
}

// done says whether the steps that wait for step i may start.
func (p *Program) done(s *State, i int) bool {
	switch s.Steps[i].State {
	case v1alpha1.StepSucceeded, v1alpha1.StepSkipped:
		return true
	case v1alpha1.StepFailed, v1alpha1.StepCompensated, v1alpha1.StepNotCompensated:
		return p.steps[i].optional
	case v1alpha1.StepNotStarted, v1alpha1.StepRunning, v1alpha1.StepUnknown, v1alpha1.StepCompensating, v1alpha1.StepNeedsIntervention:
	}
	return false
}

func (d *decision) ready(i int) bool {
	for _, j := range d.Program.steps[i].after {
		if !d.done(d.s, j) {
			return false
		}
	}
	return true
}

func (d *decision) finish() {
	d.changed = true
	d.s.EndTime = d.time()
	d.s.SuspendTime = nil
	if !d.backward() {
		d.writeOutputs()
	}
}
