package engine

import (
	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// asked takes a request. Abort, adopt and delete are latched; abort and delete lift a suspension.
func (d *decision) asked(e Asked) Verdict {
	if d.ended() {
		return Settled
	}
	switch e.Request {
	case Abort:
		d.abortWhy = e.Why
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
	if d.s.Deadline != nil && d.s.DeadlineHeldTime == nil {
		d.s.DeadlineHeldTime = d.s.SuspendTime
	}
	d.s.SuspendTime = nil
	d.holdDeadline()
	return Applied
}

// adopt makes every later command continue the lost run, first of all those that were refused because of it. The deadline
// begins anew: what the lost run did in time must be found out, not undone because that takes until now.
func (d *decision) adopt() Verdict {
	if !d.latch(v1alpha1.LatchAdopt) {
		return Settled
	}
	if d.s.Deadline != nil && !d.backward() {
		from := deref(heldSince(d.s), d.now) // going on will add the time since
		d.s.Deadline = metaTime(from.Add(d.Program.deadline))
	}
	for i := range d.s.Steps {
		d.adoptStep(i)
		d.doubtUnsent(i)
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
	case d.disowned(i):
		st.State = v1alpha1.StepUnknown // the lost run's, whatever it was
	case st.Compensation != nil || !refusedKey(st.Action):
	case !d.backward():
		d.continueLost(i)
	case d.Program.steps[i].compensation != nil:
		st.State = v1alpha1.StepUnknown // the lost run's, now to be undone with the rest
		disregard(st.Action)
	case d.Program.steps[i].recovery != v1alpha1.RecoveryCompensatable:
		d.wait(st) // the lost run's, which nothing can undo: a person must know
		disregard(st.Action)
	}
}

// disregard forgets a refusal of the key, which says nothing of what the lost run has done: nor does it when it is heard once more.
func disregard(x *v1alpha1.Exchange) {
	x.Outcome, x.Code, x.Message, x.Granted = v1alpha1.ExchangeUnknown, "", "", x.Attempt
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
	if !ok {
		return Settled
	}
	if c := d.call(i, e.Direction); c == nil || !c.publish {
		return Settled
	}
	st := &d.s.Steps[i]
	x := exchangeOf(st, e.Direction)
	if x == nil || neverSent(x) {
		return Unheard // an old copy
	}
	if x.Outcome != v1alpha1.ExchangeWaiting {
		return Settled
	}
	d.end(x, v1alpha1.ExchangeSucceeded)
	st.State = v1alpha1.StepSucceeded
	if e.Direction == Backward {
		st.State = v1alpha1.StepCompensated
	}
	return Applied
}
