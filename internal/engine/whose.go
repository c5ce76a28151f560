package engine

import (
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// unheardMessage tells a person why a saga that only observes does not turn back by itself.
const unheardMessage = "no service has told anything of this saga: what it follows may have ended before, as another saga's"

// unheard says whether a saga that only observes has nothing to show that what it follows is its own: no event and no word of
// a person. It may have been made anew, or too late, for what has long ended; and it sends no command by which a participant
// could tell it that its key is used. So it undoes nothing on its own account.
func (p *Program) unheard(s *State) bool {
	return p.observed && !slices.ContainsFunc(s.Steps, heardOf)
}

func heardOf(st v1alpha1.StepStatus) bool {
	return st.EventID != "" || len(st.Events) > 0 || st.Resolved != nil && st.Resolved.Action != v1alpha1.ResolutionRetry
}

// unheardWait says whether step i waits for a person because the saga was unheard when the time of the step was over.
func (d *decision) unheardWait(i int) bool {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	waits := st.State == v1alpha1.StepNeedsIntervention && st.Compensation == nil && st.Action != nil && st.Action.Code == v1alpha1.CodeUnheard
	return waits && def.await != nil && def.recovery == v1alpha1.RecoveryCompensatable // a participant may use the code, too
}

// takeForAlive ends such a wait as any other whose time is over: somebody has said that the saga is what it seems to be.
func (d *decision) takeForAlive(i int) {
	st := &d.s.Steps[i]
	st.State, st.Action.Code, st.Action.Message = v1alpha1.StepUnknown, v1alpha1.CodeTimeout, ""
}

// keyIsAnothers says whether the saga goes back with a key that is another saga's, which it has not come to continue.
func (d *decision) keyIsAnothers() bool {
	return d.backward() && d.s.Cause.Code == v1alpha1.CodeKeyUsed && !latched(d.s, v1alpha1.LatchAdopt)
}

// doubtful says whether nobody knows whose the effect of step i is: an event that was heard or published, and not an answer under
// the key of this saga, is all that tells of it, and the key is another's.
func (d *decision) doubtful(i int) bool {
	st := &d.s.Steps[i]
	return d.keyIsAnothers() && !d.asks(i) && st.Compensation == nil && d.Program.steps[i].compensation != nil
}

// disown leaves what is doubtful to the other saga, where the definition says that this one then ends; else a person must find out.
func (d *decision) disown(i int) {
	st := &d.s.Steps[i]
	if d.s.Cause.Reason == v1alpha1.ReasonStepFailed { // onKeyUsed: End
		st.State = v1alpha1.StepFailed
		return
	}
	d.wait(st)
}

// disowned says whether step i was left to the other saga, or ended before anything was heard, or waits for a person to say so.
func (d *decision) disowned(i int) bool {
	st := &d.s.Steps[i]
	if !d.backward() || d.s.Cause.Code != v1alpha1.CodeKeyUsed || d.asks(i) || d.Program.steps[i].compensation == nil || st.Compensation != nil {
		return false
	}
	return st.Action != nil && (st.Action.Outcome == v1alpha1.ExchangeSucceeded || st.Action.Code == v1alpha1.CodeCancelled)
}

// heldUp says whether nothing but time speaks against step i, and the saga is unheard.
func (d *decision) heldUp(i int) bool {
	return d.Program.steps[i].await != nil && !d.backward() && d.unheard(d.s)
}

// unheardUndo says whether step i, which others do, would be undone for a reason that has nothing to do with them, such as an event
// that cannot be published, by a saga that is unheard.
func (d *decision) unheardUndo(i int) bool {
	if !d.byOthers(i) || !d.unheard(d.s) || d.s.Cause == nil || d.s.Cause.Reason != v1alpha1.ReasonStepFailed {
		return false
	}
	j, ok := d.index[d.s.Cause.Step]
	return ok && (!d.byOthers(j) || neverSent(d.s.Steps[j].Action))
}
