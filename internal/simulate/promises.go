package simulate

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// Check returns every promise about a saga's life that the write breaks, where participants keep the contract. now is the
// time of the decision.
func (w Write) Check(now time.Time) error {
	return errors.Join(w.CheckAlways(now), w.checkPivot())
}

// CheckAlways returns the broken ones among the promises that do not rest on what participants do.
func (w Write) CheckAlways(now time.Time) error {
	return errors.Join(
		w.checkEnd(), w.checkTime(), w.checkLatches(), w.checkSteps(), w.checkStarts(), w.checkUndoOrder(), w.checkRest(),
		w.checkProgress(), w.checkQuiet(now), w.checkConditions(now), w.checkUnheard(),
	)
}

// checkEnd: the end is final, and nothing is asked after it.
func (w Write) checkEnd() error {
	if w.After.EndTime != nil {
		pending, err := w.Saga.Run.Pending(w.After)
		if err != nil {
			return fmt.Errorf("reading what is pending after the end: %w", err)
		}
		if len(pending) > 0 || len(w.Saga.Run.Timers(w.After)) > 0 {
			return fmt.Errorf("commands or timers after the end: %v", pending)
		}
	}
	if w.Before.EndTime != nil && !same(w.Before, w.After) {
		return errors.New("the state changed after the end")
	}
	return nil
}

// checkTime: time never goes back.
func (w Write) checkTime() error {
	if before(w.After.DecisionTime, w.Before.DecisionTime) {
		return fmt.Errorf("the decision's time went back from %v to %v", w.Before.DecisionTime, w.After.DecisionTime)
	}
	for i := range w.After.Steps {
		for _, x := range exchanges(w.After, i) {
			if before(w.After.DecisionTime, x.StartTime) || before(w.After.DecisionTime, x.EndTime) {
				return fmt.Errorf("step %s: %+v lies in the future of %v", w.After.Steps[i].Name, x, w.After.DecisionTime)
			}
		}
	}
	return nil
}

// same compares values. Most are, to the last pointer, what reflect understands, which is fast.
func same(a, b any) bool { return reflect.DeepEqual(a, b) || equality.Semantic.DeepEqual(a, b) }

func before(a, b *metav1.Time) bool { return a != nil && b != nil && a.Before(b) }

func exchanges(s engine.State, i int) []v1alpha1.Exchange {
	var all []v1alpha1.Exchange
	for _, x := range []*v1alpha1.Exchange{s.Steps[i].Action, s.Steps[i].Compensation} {
		if x != nil {
			all = append(all, *x)
		}
	}
	return all
}

// checkLatches: what was taken stays taken.
func (w Write) checkLatches() error {
	for _, l := range w.Before.Latches {
		if !slices.Contains(w.After.Latches, l) {
			return fmt.Errorf("latch %s opened again", l)
		}
	}
	if w.Before.Cause != nil && !same(w.Before.Cause, w.After.Cause) {
		return fmt.Errorf("the cause changed from %+v to %+v", w.Before.Cause, w.After.Cause)
	}
	decisions, asked := int32(0), int32(0)
	for i := range w.After.Steps {
		decisions += w.After.Steps[i].Decision
		if w.Saga.Definition.Steps[i].Approval != nil {
			asked += w.After.Steps[i].Decision // most of them in time, which is no intervention
		}
		if i < len(w.Before.Steps) && w.After.Steps[i].Decision < w.Before.Steps[i].Decision {
			return fmt.Errorf("the decision's number of %s fell", w.After.Steps[i].Name)
		}
	}
	if n := w.After.Interventions; n > decisions || n < decisions-asked {
		return fmt.Errorf("%d interventions, but the steps count %d, of which approvals %d", n, decisions, asked)
	}
	return nil
}

// checkSteps: what is settled stays settled, what was never sent is never undone, and neither a saga that goes backward nor
// a suspended one asks for anything forward.
func (w Write) checkSteps() error {
	for i := range w.After.Steps {
		after, old := &w.After.Steps[i], v1alpha1.StepStatus{}
		if i < len(w.Before.Steps) {
			old = w.Before.Steps[i]
		}
		heard := after.EventID != "" // it has happened, whatever the saga thought of it
		if after.Compensation != nil && (after.Action == nil || after.Action.StartTime == nil) && !heard && !w.mayBeDoneUnasked(i) {
			return fmt.Errorf("step %s is undone but was never sent", after.Name)
		}
		if err := errors.Join(checkSettled(&old, after), w.checkAsked(i, &old)); err != nil {
			return err
		}
	}
	return nil
}

// mayBeDoneUnasked says whether a step may have been done by others than this saga: by a lost run, or by services on their own.
func (w Write) mayBeDoneUnasked(i int) bool {
	def := w.Saga.Definition
	others := def.Mode == v1alpha1.ModeObserved && (def.Steps[i].Action != nil || def.Steps[i].Await != nil)
	return others || slices.Contains(w.After.Latches, v1alpha1.LatchAdopt)
}

func checkSettled(old, after *v1alpha1.StepStatus) error {
	if old.Action != nil && old.Action.Outcome == v1alpha1.ExchangeSucceeded && !same(old.Action, after.Action) {
		return fmt.Errorf("step %s had succeeded: %+v became %+v", after.Name, old.Action, after.Action)
	}
	if old.Output != nil && !same(old.Output, after.Output) {
		return fmt.Errorf("the output of step %s changed", after.Name)
	}
	for _, final := range []v1alpha1.StepState{v1alpha1.StepCompensated, v1alpha1.StepNotCompensated, v1alpha1.StepSkipped} {
		if old.State == final && after.State != final {
			return fmt.Errorf("step %s went from %s to %s", after.Name, old.State, after.State)
		}
	}
	return nil
}

func (w Write) checkAsked(i int, old *v1alpha1.StepStatus) error {
	after := &w.After.Steps[i]
	if attempts(after.Action) <= attempts(old.Action) || after.Action.Attempt == 0 { // 0: planned, not asked
		return nil
	}
	if w.Before.SuspendTime != nil && w.After.SuspendTime != nil {
		return fmt.Errorf("step %s was asked though the saga is suspended", after.Name)
	}
	if w.After.Cause != nil && !w.mayAskAndTurn(i) {
		return fmt.Errorf("step %s was asked again though the saga goes backward", after.Name)
	}
	return nil
}

// mayAskAndTurn says whether the step was asked in a decision that turned back because of another step that was begun in it:
// its input cannot be rendered, or its event came early; or whether it is only now known to have been done.
func (w Write) mayAskAndTurn(i int) bool {
	x := w.After.Steps[i].Action
	st := &w.After.Steps[i]
	heard := st.EventID != "" || st.Resolved != nil && st.Resolved.Action == v1alpha1.ResolutionRetry // which sends nothing
	return heard && silent(w.Saga.Definition, i) || x.StartTime == nil && x.Outcome == v1alpha1.ExchangeFailed || w.Before.Cause == nil && w.causeBegun()
}

// checkUnheard: a saga that only observes turns back to undo what others do only where it was told something, by a service or by
// whoever may decide.
func (w Write) checkUnheard() error {
	if w.Saga.Definition.Mode != v1alpha1.ModeObserved || w.Before.Cause != nil || w.After.Cause == nil || w.told() {
		return nil
	}
	for i, def := range w.Saga.Definition.Steps {
		others := def.Action != nil || def.Await != nil
		if st := &w.After.Steps[i]; others && st.Compensation != nil {
			return fmt.Errorf("step %s is undone, and nothing was heard of the saga", st.Name)
		}
	}
	return nil
}

// told says whether anybody has told anything of the saga: an event that it has taken or kept, or a request.
func (w Write) told() bool {
	if slices.Contains(w.After.Latches, v1alpha1.LatchAbort) || slices.Contains(w.After.Latches, v1alpha1.LatchDelete) {
		return true
	}
	for i, e := range w.Events {
		if _, occurred := e.(engine.Occurred); occurred && w.Verdicts[i] == engine.Applied {
			return true
		}
	}
	heard := func(st v1alpha1.StepStatus) bool { return st.EventID != "" || len(st.Events) > 0 || st.Resolved != nil }
	return slices.ContainsFunc(w.Before.Steps, heard) || slices.ContainsFunc(w.After.Steps, heard)
}

func (w Write) causeBegun() bool {
	for i := range w.After.Steps {
		if w.After.Steps[i].Name == w.After.Cause.Step && w.begun(i) {
			return true
		}
	}
	return false
}

// begun says whether the decision began to do a step.
func (w Write) begun(i int) bool {
	return w.After.Steps[i].Action != nil && (i >= len(w.Before.Steps) || w.Before.Steps[i].Action == nil)
}

func attempts(x *v1alpha1.Exchange) int64 {
	if x == nil {
		return 0
	}
	if x.Attempt == 0 { // the round is planned, not asked
		return int64(x.Round-1)<<32 + 1<<31
	}
	return int64(x.Round)<<32 + int64(x.Attempt)
}

// checkStarts: a step begins only once every step that it waits for is done.
func (w Write) checkStarts() error {
	for i := range w.After.Steps {
		if !w.begun(i) || w.After.Cause != nil && w.mayAskAndTurn(i) {
			continue
		}
		for _, j := range w.Saga.shape.after[i] {
			if st := &w.After.Steps[j]; !w.done(j) {
				return fmt.Errorf("%s began while %s is %s", w.After.Steps[i].Name, st.Name, st.State)
			}
		}
	}
	return nil
}

// done says whether the steps that wait for step i may start.
func (w Write) done(i int) bool {
	switch w.After.Steps[i].State {
	case v1alpha1.StepSucceeded, v1alpha1.StepSkipped:
		return true
	case v1alpha1.StepFailed, v1alpha1.StepCompensated, v1alpha1.StepNotCompensated:
		return w.Saga.Definition.Steps[i].OnFailure == v1alpha1.FailureContinue
	case v1alpha1.StepNotStarted, v1alpha1.StepRunning, v1alpha1.StepUnknown, v1alpha1.StepCompensating, v1alpha1.StepNeedsIntervention:
	}
	return false
}

// checkUndoOrder: on the way back, undoing a step begins only once every step that builds on it is undone, had no effect, or
// waits for a person.
func (w Write) checkUndoOrder() error {
	if w.After.Cause == nil {
		return nil
	}
	for i := range w.After.Steps {
		optional := w.Before.Cause == nil && w.Saga.Definition.Steps[i].OnFailure == v1alpha1.FailureContinue
		if !w.undoBegan(i) || optional {
			continue // an optional step is undone while the saga goes forward, perhaps just before it turns
		}
		for _, j := range w.Saga.shape.descendants(i) {
			if !w.rests(j) && w.After.Steps[j].State != v1alpha1.StepNeedsIntervention {
				return fmt.Errorf("undoing %s began while %s is %s", w.After.Steps[i].Name, w.After.Steps[j].Name, w.After.Steps[j].State)
			}
		}
	}
	return nil
}

// undoBegan says whether the decision began to undo a step, or found that there is nothing to undo.
func (w Write) undoBegan(i int) bool {
	after, old := &w.After.Steps[i], v1alpha1.StepStatus{}
	if i < len(w.Before.Steps) {
		old = w.Before.Steps[i]
	}
	nothing := after.State == v1alpha1.StepCompensated && old.State != v1alpha1.StepCompensated && after.Compensation == nil &&
		old.State != v1alpha1.StepNeedsIntervention
	return nothing || after.Compensation != nil && old.Compensation == nil
}

// rests says whether nothing is left to undo of a step.
func (w Write) rests(i int) bool {
	switch w.After.Steps[i].State {
	case v1alpha1.StepFailed, v1alpha1.StepCompensated, v1alpha1.StepNotCompensated, v1alpha1.StepSkipped:
		return true
	case v1alpha1.StepNotStarted:
		adopted := slices.Contains(w.After.Latches, v1alpha1.LatchAdopt)
		return !adopted || !undone(w.Saga.Definition.Steps[i])
	case v1alpha1.StepRunning, v1alpha1.StepSucceeded, v1alpha1.StepUnknown, v1alpha1.StepCompensating, v1alpha1.StepNeedsIntervention:
	}
	return false
}

// checkRest: a saga ends only once every step is done or, on the way back, nothing is left to undo; and what may have taken
// effect was asked to be undone, unless a person decided otherwise.
func (w Write) checkRest() error {
	if w.After.EndTime == nil || w.Before.EndTime != nil {
		return nil
	}
	for i := range w.After.Steps {
		st := &w.After.Steps[i]
		switch {
		case w.After.Cause == nil && !w.done(i), w.After.Cause != nil && !w.rests(i):
			return fmt.Errorf("the saga ended while %s is %s", st.Name, st.State)
		case w.After.Cause != nil && w.mayStand(i):
			return fmt.Errorf("the saga ended, and %s, whose outcome is %s, was not undone: %s", st.Name, st.Action.Outcome, st.State)
		}
	}
	return nil
}

// mayStand says whether the effect of a step may be left although the definition says how to undo it and nobody decided. A
// refusal says nothing about an earlier attempt that nobody answered.
func (w Write) mayStand(i int) bool {
	st := &w.After.Steps[i]
	if st.Action == nil {
		return false
	}
	effect := st.Action.Outcome == v1alpha1.ExchangeSucceeded || st.Action.Outcome == v1alpha1.ExchangeUnknown ||
		st.Action.Outcome == v1alpha1.ExchangeFailed && st.Action.Unanswered > 0 && st.Action.Code != v1alpha1.CodeKeyUsed
	if w.anothers(i) {
		return false
	}
	return effect && undone(w.Saga.Definition.Steps[i]) && st.Compensation == nil && st.Resolved == nil
}

// anothers says whether the effect of a step, of which no answer tells, is left to the saga that has the key, as the definition says.
func (w Write) anothers(i int) bool {
	cause := w.After.Cause
	return cause != nil && cause.Code == v1alpha1.CodeKeyUsed && cause.Reason == v1alpha1.ReasonStepFailed && w.Saga.Definition.Steps[i].Action == nil
}

// toldOnly says whether all that is known of a step that never started is that an event tells of it: that it failed, or that it was
// done, about which a person is asked, and may have said already what is to be done.
func toldOnly(old, after *v1alpha1.StepStatus) bool {
	if old.State != v1alpha1.StepNotStarted || after.EventID == "" {
		return false
	}
	asked := after.State == v1alpha1.StepNeedsIntervention || after.Resolved != nil
	return after.State == v1alpha1.StepFailed || asked && after.Action.Code == v1alpha1.CodeLateSuccess
}

// checkPivot: beyond the point of no return nothing goes backward, and a pivot whose outcome is unknown goes backward on a
// person's word only.
func (w Write) checkPivot() error {
	if w.Before.Cause != nil || w.After.Cause == nil {
		return nil
	}
	for i := range w.Before.Steps {
		old, after := &w.Before.Steps[i], &w.After.Steps[i]
		if toldOnly(old, after) {
			continue
		}
		switch w.Saga.Definition.Steps[i].Recovery {
		case v1alpha1.RecoveryPivot:
			answered := after.Action == nil || after.Action.Outcome == v1alpha1.ExchangeFailed
			if !answered || old.State == v1alpha1.StepSucceeded || old.State == v1alpha1.StepSkipped {
				return fmt.Errorf("turned back with pivot %s %s, %+v", old.Name, after.State, after.Action)
			}
		case v1alpha1.RecoveryRetriable:
			if after.Action != nil && after.Action.StartTime != nil && after.Action.Code != v1alpha1.CodeKeyUsed {
				return fmt.Errorf("turned back with retriable %s %s", old.Name, after.State)
			}
		case v1alpha1.RecoveryCompensatable:
		}
	}
	return nil
}

// checkProgress: a saga that has not ended waits for an answer, a moment, or a person.
func (w Write) checkProgress() error {
	s := w.After
	if s.StartTime == nil || s.EndTime != nil || s.SuspendTime != nil || len(w.Saga.Run.Timers(s)) > 0 {
		return nil
	}
	pending, err := w.Saga.Run.Pending(s)
	if err != nil || len(pending) > 0 {
		return err
	}
	if engine.Summarize(w.Saga.Program, s, engine.Facts{}).Phase == v1alpha1.PhaseNeedsIntervention {
		return nil
	}
	return fmt.Errorf("nothing is asked, timed or waited for: %+v", s)
}

// checkQuiet: without events there is nothing to decide.
func (w Write) checkQuiet(now time.Time) error {
	again, _ := w.Saga.Run.Next(w.After, now, nil)
	if !same(again, w.After) {
		return fmt.Errorf("a decision about nothing changed %+v to %+v", w.After, again)
	}
	return nil
}
