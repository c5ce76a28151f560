package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// ErrTooLarge says that a rendered input is beyond its bound.
var ErrTooLarge = errors.New("too large")

// advance turns the saga back where that was asked, starts what is due, and ends it where nothing is left.
func (d *decision) advance() {
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

func (d *decision) advanceForward() {
	for i := range d.Program.steps {
		st := &d.s.Steps[i]
		if st.State == v1alpha1.StepNotStarted && d.ready(i) && d.s.SuspendTime == nil {
			d.begin(i)
		}
		if d.backward() {
			return
		}
	}
	if d.allDone() {
		d.finish()
	}
}

// allDone says whether every step is done.
func (d *decision) allDone() bool {
	for i := range d.s.Steps {
		if !doneForward(d.s.Steps[i].State) {
			return false
		}
	}
	return true
}

func (d *decision) finish() {
	d.changed = true
	d.s.EndTime = d.time()
	d.s.SuspendTime = nil
}

func (d *decision) ready(i int) bool {
	for _, j := range d.Program.steps[i].after {
		if !doneForward(d.s.Steps[j].State) {
			return false
		}
	}
	return true
}

// begin starts a step. Input that cannot be rendered fails it; past the point of no return a person must help.
func (d *decision) begin(i int) {
	st := &d.s.Steps[i]
	st.State = v1alpha1.StepRunning
	d.ask(i, Forward, 1)
	d.changed = true
}

// ask begins a round.
func (d *decision) ask(i int, dir Direction, round int32) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	x := &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeWaiting, Round: round, Attempt: 1}
	input := def.action.input
	if dir == Backward {
		st.Compensation, input = x, def.compensation.input
	} else {
		st.Action = x
	}
	if code, err := d.renders(input); err != nil {
		d.unrenderable(i, dir, x, code, err)
		return
	}
	d.stamp(i, dir, x, d.causedBy)
}

func (d *decision) renders(input Template) (code string, err error) {
	data, err := input.Render(d.values(d.s))
	switch {
	case err == nil && len(data) > v1alpha1.MaxInputBytes:
		return v1alpha1.CodeInputTooLarge, fmt.Errorf("%w: the input has %d bytes, at most %d are sent", ErrTooLarge, len(data), v1alpha1.MaxInputBytes)
	case errors.Is(err, ErrTooLarge):
		return v1alpha1.CodeInputTooLarge, err
	default:
		return v1alpha1.CodeInvalidInput, err
	}
}

func (d *decision) unrenderable(i int, dir Direction, x *v1alpha1.Exchange, code string, err error) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	d.end(x, v1alpha1.ExchangeFailed)
	x.Code, x.Message = code, clip(err.Error(), maxMessage)
	if dir == Backward || def.recovery == v1alpha1.RecoveryRetriable && d.beyond(i) {
		d.wait(st)
		return
	}
	st.State = v1alpha1.StepFailed
	d.turnBack(failure(st, x))
}

// nextAttempt asks the same question again, under the same key.
func (d *decision) nextAttempt(i int, dir Direction) {
	st := &d.s.Steps[i]
	x := exchangeOf(st, dir)
	cause := commandKey(st.Name, dir, x.Round, x.Attempt)
	x.Attempt++
	d.stamp(i, dir, x, cause)
}

// stamp fixes what the command of the current attempt says beside its input.
func (d *decision) stamp(i int, dir Direction, x *v1alpha1.Exchange, cause string) {
	x.Outcome, x.StartTime, x.EndTime, x.RetryTime = v1alpha1.ExchangeWaiting, d.time(), nil, nil
	if adopts := latched(d.s, v1alpha1.LatchAdopt); adopts != x.Adopts {
		x.Adopts, x.Granted = adopts, x.Attempt-1 // answers to what was asked before say nothing about the adoption
	}
	x.CausedBy = cause
	x.ExpiryTime = nil
	def := &d.Program.steps[i]
	if dir == Forward && !def.publish && def.recovery != v1alpha1.RecoveryRetriable {
		x.ExpiryTime = d.s.Deadline.DeepCopy()
	}
}

// advanceBackward waits for what is in flight, then undoes in reverse order every step that took effect or may have.
func (d *decision) advanceBackward() {
	for i := range d.s.Steps {
		st := &d.s.Steps[i]
		if keyUsedWait(st) {
			st.State = v1alpha1.StepFailed // nothing of this saga was done
		}
		if st.State == v1alpha1.StepRunning && st.Action.Outcome == v1alpha1.ExchangeRetrying {
			d.exhausted(i, Forward)
		}
	}
	for i := range d.s.Steps {
		if d.s.Steps[i].State == v1alpha1.StepRunning {
			return
		}
	}
	if i := d.pointOfNoReturn(); d.lostRunMayHavePassed(i) {
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

// undoable says whether a step took effect, or may have.
func (d *decision) undoable(i int) bool {
	s := d.s.Steps[i].State
	return s == v1alpha1.StepSucceeded || s == v1alpha1.StepUnknown || d.lostRunMayHaveDone(i)
}

// lostRunMayHavePassed says whether the run that this saga continues may be beyond the point of no return, step i, which
// this saga never asked for: a person must know. Where a step was answered failed, the lost run was answered the same.
func (d *decision) lostRunMayHavePassed(i int) bool {
	return i >= 0 && latched(d.s, v1alpha1.LatchAdopt) && d.s.Steps[i].State == v1alpha1.StepNotStarted &&
		(d.s.Cause.Reason != v1alpha1.ReasonStepFailed || d.s.Cause.Code == v1alpha1.CodeKeyUsed)
}

// lostRunMayHaveDone says whether the run that this saga continues may have done a step that this saga never asked for:
// only undoing it, too, leaves nothing behind.
func (d *decision) lostRunMayHaveDone(i int) bool {
	return d.s.Steps[i].State == v1alpha1.StepNotStarted && latched(d.s, v1alpha1.LatchAdopt) && d.Program.steps[i].compensation != nil
}

// followersUndone says whether nothing that builds on step i is left to be undone. One that waits for a person
// does not keep the others from being undone.
func (d *decision) followersUndone(i int) bool {
	for _, j := range d.Program.steps[i].before {
		if d.s.Steps[j].State != v1alpha1.StepNeedsIntervention && !d.restsBackward(j) {
			return false
		}
		if !d.followersUndone(j) {
			return false
		}
	}
	return true
}

// restsBackward says whether nothing more is to be done about step i on the way back.
func (d *decision) restsBackward(i int) bool {
	switch d.s.Steps[i].State {
	case v1alpha1.StepNotStarted:
		return !d.lostRunMayHaveDone(i)
	case v1alpha1.StepFailed, v1alpha1.StepCompensated, v1alpha1.StepNotCompensated:
		return true
	case v1alpha1.StepRunning, v1alpha1.StepSucceeded, v1alpha1.StepUnknown, v1alpha1.StepSkipped,
		v1alpha1.StepCompensating, v1alpha1.StepNeedsIntervention:
		return false
	}
	return false
}

func (d *decision) undo(i int) {
	d.changed = true
	st := &d.s.Steps[i]
	if d.Program.steps[i].compensation == nil {
		st.State = v1alpha1.StepCompensated // it says that it changes nothing
		return
	}
	st.State = v1alpha1.StepCompensating
	d.ask(i, Backward, 1)
}

func metaTime(t time.Time) *metav1.Time {
	m := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &m
}
