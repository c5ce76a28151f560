package engine

import (
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// ErrTooLarge says that a rendered input is beyond its bound.
var ErrTooLarge = errors.New("too large")

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
	if dir == Backward || def.recovery == v1alpha1.RecoveryRetriable && d.committed(d.s) {
		d.wait(st)
		return
	}
	st.State = v1alpha1.StepFailed
	d.doubtUnsent(i)
	d.stepFailed(i, failure(st, x))
}

// doubtUnsent has an optional step undone that this saga could not begin, where the run that it continues perhaps could. One that is
// not optional turns the saga back: see unasked.
func (d *decision) doubtUnsent(i int) {
	st, def := &d.s.Steps[i], &d.Program.steps[i]
	unsent := st.State == v1alpha1.StepFailed && st.Action != nil && neverSent(st.Action)
	if unsent && def.optional && def.compensation != nil && latched(d.s, v1alpha1.LatchAdopt) {
		st.State = v1alpha1.StepUnknown
	}
}

// nextAttempt asks the same question again, under the same key; where a round was closed before, the first of the next.
func (d *decision) nextAttempt(i int, dir Direction) {
	st := &d.s.Steps[i]
	x := exchangeOf(st, dir)
	cause := x.CausedBy
	if x.Attempt > 0 {
		cause = commandKey(st.Name, dir, x.Round, x.Attempt)
	}
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
	held := heldSince(d.s) != nil || d.waits(d.s) // then nobody knows when the deadline will be
	if dir == Forward && d.asks(i) && !held && d.Program.steps[i].recovery != v1alpha1.RecoveryRetriable {
		x.ExpiryTime = d.s.Deadline.DeepCopy()
	}
}

func metaTime(t time.Time) *metav1.Time {
	m := metav1.NewTime(t.UTC().Truncate(time.Second))
	return &m
}
