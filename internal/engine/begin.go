package engine

import (
	"fmt"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// begin starts a step, or skips it. What cannot be evaluated fails it; past the point of no return a person must help.
func (d *decision) begin(i int) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	d.changed = true
	if def.when != nil {
		holds, err := def.when.Holds(d.values(d.s))
		if err != nil {
			st.State = v1alpha1.StepRunning
			d.unrenderable(i, Forward, d.open(st, 1), v1alpha1.CodeInvalidInput, fmt.Errorf("when: %w", err))
			return
		}
		if !holds {
			st.State = v1alpha1.StepSkipped
			d.passOnFrom(i)
			return
		}
	}
	d.do(i)
}

// do begins the first round of what the step does.
func (d *decision) do(i int) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	st.State = v1alpha1.StepRunning
	switch {
	case def.kind == kindDelay:
		d.delay(i)
	case def.kind == kindApproval:
		d.askPeople(i)
	case def.await != nil:
		d.listen(i)
	case def.once:
		d.publishOnce(i)
	default:
		d.ask(i, Forward, 1)
	}
}

// open makes the record of a round of doing a step.
func (d *decision) open(st *v1alpha1.StepStatus, round int32) *v1alpha1.Exchange {
	st.Action = &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeWaiting, Round: round, Attempt: 1}
	return st.Action
}

// listen waits for an event. One that came early settles it at once.
func (d *decision) listen(i int) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	x := d.open(st, 1)
	if _, err := d.keyOf(i); err != nil {
		d.unrenderable(i, Forward, x, v1alpha1.CodeInvalidInput, fmt.Errorf("await.key: %w", err))
		return
	}
	d.stamp(i, Forward, x, d.causedBy)
	x.DueTime = metaTime(d.now.Add(def.await.timeout))
	d.takeEarly(i)
}

// listenAgain waits once more, as a person has decided.
func (d *decision) listenAgain(i int) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	st.State = v1alpha1.StepRunning
	x := st.Action
	x.Attempt++
	d.stamp(i, Forward, x, "")
	x.Code, x.Message = "", ""
	x.DueTime = metaTime(d.now.Add(def.await.timeout))
}

// delay waits for a time. One that has passed is done at once.
func (d *decision) delay(i int) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	x := d.open(st, 1)
	until := d.now.Add(def.delay.span)
	if def.delay.until != nil {
		text, err := def.delay.until.Write(d.values(d.s))
		if err == nil {
			until, err = d.moment(text)
		}
		if err != nil {
			d.unrenderable(i, Forward, x, v1alpha1.CodeInvalidInput, fmt.Errorf("delay.until: %w", err))
			return
		}
	}
	d.stamp(i, Forward, x, d.causedBy)
	x.DueTime = metaTime(until)
	if !until.After(d.now.Time) {
		d.passed(i)
	}
}

// moment reads a time, rounded up to whole seconds, that is not too far away.
func (d *decision) moment(text string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		return at, fmt.Errorf("%q is no time such as 2026-12-24T18:00:00Z", clip(text, 64))
	case at.Sub(d.now.Time) > longest:
		return at, fmt.Errorf("%s is more than 366 days away", text)
	}
	return at.Add(time.Second - 1).Truncate(time.Second), nil
}

// passed ends a delay.
func (d *decision) passed(i int) {
	d.end(d.s.Steps[i].Action, v1alpha1.ExchangeSucceeded)
	d.s.Steps[i].State = v1alpha1.StepSucceeded
}

// publishOnce counts an event as published before it is: Once returns it to whoever stores this decision.
func (d *decision) publishOnce(i int) {
	st := &d.s.Steps[i]
	d.ask(i, Forward, 1)
	if x := st.Action; x.Outcome == v1alpha1.ExchangeWaiting {
		cause := x.CausedBy
		d.end(x, v1alpha1.ExchangeSucceeded)
		x.CausedBy = cause // it is sent only now
		st.State = v1alpha1.StepSucceeded
	}
}

// askPeople waits for a person's decision.
func (d *decision) askPeople(i int) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	x := d.open(st, 1)
	if def.approval.message != nil {
		text, err := def.approval.message.Write(d.values(d.s))
		if err != nil {
			d.unrenderable(i, Forward, x, v1alpha1.CodeInvalidInput, fmt.Errorf("approval.message: %w", err))
			return
		}
		x.Message = clip(text, maxMessage)
	}
	d.stamp(i, Forward, x, d.causedBy)
	d.askPeopleAgain(i)
}

// askPeopleAgain begins the time for the decision anew, under the next number.
func (d *decision) askPeopleAgain(i int) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	st.Action.DueTime = metaTime(d.now.Add(def.approval.timeout))
	st.Decision++
}
