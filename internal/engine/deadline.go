package engine

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// holdDeadline lets the deadline stand still while the saga is suspended, or waits for a time, an event or a person, or only observes
// and has heard nothing yet, and shifts it by that time afterwards.
func (d *decision) holdDeadline() {
	since := heldSince(d.s)
	holds := d.s.SuspendTime != nil || d.waits(d.s) || d.unheard(d.s)
	switch {
	case d.s.Deadline == nil || d.backward() || d.ended():
		d.s.DeadlineHeldTime = nil
	case holds && d.s.DeadlineHeldTime == nil:
		d.s.DeadlineHeldTime = since
		if since == nil {
			d.s.DeadlineHeldTime = d.time()
		}
	case !holds && d.s.DeadlineHeldTime != nil:
		d.shiftDeadline(since)
	}
}

func (d *decision) shiftDeadline(since *metav1.Time) {
	d.s.Deadline = metaTime(d.s.Deadline.Add(d.now.Sub(since.Time)))
	d.s.DeadlineHeldTime = nil
}

// heldSince is since when the deadline stands still, or nil. Sagas that were suspended by a version that knew of nothing else that
// holds it say so in suspendTime.
func heldSince(s *State) *metav1.Time {
	if s.DeadlineHeldTime != nil {
		return s.DeadlineHeldTime
	}
	return s.SuspendTime
}

// waits says whether some step waits for what the deadline does not concern.
func (p *Program) waits(s *State) bool {
	for i := range p.steps {
		k := p.steps[i].kind
		if (k == kindDelay || k == kindAwait || k == kindApproval) && p.isOpen(s, i) {
			return true
		}
	}
	return false
}

// isOpen says whether step i waits for what is to settle it.
func (p *Program) isOpen(s *State, i int) bool {
	st := &s.Steps[i]
	return st.State == v1alpha1.StepRunning && st.Action != nil && st.Action.Outcome == v1alpha1.ExchangeWaiting
}

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

// deadlineRuns says whether the deadline counts: not while something holds it, nor while a person is to decide whose the
// idempotency key is, since ending the saga would answer for them.
func (p *Program) deadlineRuns(s *State) bool {
	return s.Deadline != nil && heldSince(s) == nil && s.Cause == nil && !p.committed(s) && !slices.ContainsFunc(s.Steps, keyUsed)
}
