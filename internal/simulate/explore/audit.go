package explore

import (
	"fmt"
	"strings"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

// end audits a life that is over, and returns the tally of it alone.
func (r *run) end() *tally {
	t := newTally(len(r.x.Definition.Steps))
	t.runs = 1
	state := r.state()
	for _, e := range r.endings(state) {
		t.ends[e] = &outcome{runs: 1, longest: r.lasted(state)}
	}
	r.timeSteps(t, state)
	return t.after(r.take())
}

func (r *run) endings(s engine.State) []ending {
	if err := r.trouble(); err != nil {
		return []ending{{Breach, "the operator breaks a promise of its own: " + oneLine(err)}}
	}
	phase := r.phase(s)
	var wrong []ending
	for i := range s.Steps {
		if text := r.audit(phase, s, i); text != "" {
			wrong = append(wrong, ending{Breach, text})
		}
	}
	switch {
	case len(wrong) > 0:
		return wrong
	case r.faults == 0 && phase != v1alpha1.PhaseCompleted:
		return []ending{{Breach, fmt.Sprintf("nothing goes wrong, and the saga is %s all the same", phase)}}
	case phase == v1alpha1.PhaseCompleted, phase == v1alpha1.PhaseCompensated:
		return []ending{{string(phase), ""}}
	case phase == v1alpha1.PhaseNeedsIntervention:
		return []ending{{string(phase), r.waits(s)}}
	}
	return []ending{{Breach, fmt.Sprintf("nothing is left to happen, and the saga is still %s: it neither ends nor waits for a person", phase)}}
}

func (r *run) phase(s engine.State) v1alpha1.SagaPhase {
	return engine.Summarize(r.x.Program, s, engine.Facts{Generation: 1, Now: r.world.Now}).Phase
}

// audit compares what the saga says of a step with the books of its participant.
func (r *run) audit(phase v1alpha1.SagaPhase, s engine.State, i int) string {
	st, def := &s.Steps[i], r.x.Definition.Steps[i]
	books := r.books(st)
	undone := phase == v1alpha1.PhaseCompensated || phase == v1alpha1.PhaseCompleted && st.State != v1alpha1.StepSucceeded
	switch {
	case books.Standing() > 1:
		return fmt.Sprintf("%s took effect %d times", st.Name, books.Effects)
	case undone && books.Standing() > 0:
		return r.standing(phase, st, def)
	case phase == v1alpha1.PhaseCompleted && def.Action != nil && st.State == v1alpha1.StepSucceeded && books.Standing() != 1:
		return fmt.Sprintf("the saga is Completed, but %s took effect %d times and was undone %d times", st.Name, books.Effects, books.Reversals)
	}
	return ""
}

// standing says what is wrong with an effect that is left after everything was undone; nothing where it is none.
func (r *run) standing(phase v1alpha1.SagaPhase, st *v1alpha1.StepStatus, def v1alpha1.Step) string {
	if advice, ok := r.x.Uncovered[st.Name]; ok {
		return fmt.Sprintf("%s took effect and nothing undoes it: %s", st.Name, advice)
	}
	switch c := def.Compensation; {
	case c != nil && c.Policy == v1alpha1.CompensationNone:
		return ""
	case c != nil && c.Publish != nil && st.State == v1alpha1.StepCompensated:
		return "" // its event has told those who undo it
	}
	return fmt.Sprintf("the saga is %s, but the effect of %s stands", phase, st.Name)
}

// books is what the participant holds of a step, over all rounds.
func (r *run) books(st *v1alpha1.StepStatus) (sum simulate.Entry) {
	rounds := int32(1)
	if st.Action != nil {
		rounds = st.Action.Round
	}
	for round := int32(1); round <= rounds; round++ {
		e := r.world.Books.Entry(simulate.ForwardKeyOf(r.saga.Key, st.Name, engine.Forward, round))
		sum.Effects, sum.Reversals = sum.Effects+e.Effects, sum.Reversals+e.Reversals
	}
	return sum
}

// waits says what waits for a person.
func (r *run) waits(s engine.State) string {
	var words []string
	for i := range s.Steps {
		if s.Steps[i].State == v1alpha1.StepNeedsIntervention {
			words = append(words, s.Steps[i].Name+": "+waitInWords(&s.Steps[i]))
		}
	}
	return strings.Join(words, "; ")
}

func waitInWords(st *v1alpha1.StepStatus) string {
	x, what := st.Action, "doing it"
	if st.Compensation != nil {
		x, what = st.Compensation, "undoing it"
	}
	if x == nil {
		return "it was never asked for, but may have been done: by the run that was lost, or by services on their own"
	}
	if x.Outcome == v1alpha1.ExchangeFailed && x.StartTime == nil {
		return fmt.Sprintf("%s could not be sent: its input cannot be made (%s): %s", what, x.Code, x.Message)
	}
	if x.Outcome == v1alpha1.ExchangeFailed {
		return fmt.Sprintf("%s was answered failed (%s)", what, x.Code)
	}
	if x.Code == v1alpha1.CodeUnheard {
		return fmt.Sprintf("time is over, and no service has told anything of the saga (%s)", x.Code)
	}
	if x.Code == v1alpha1.CodeLateSuccess {
		return fmt.Sprintf("%s succeeded after all (%s)", what, x.Code)
	}
	if x.Outcome == v1alpha1.ExchangeUnknown {
		return fmt.Sprintf("%s ran out of attempts (%s)", what, x.Code)
	}
	return fmt.Sprintf("%s is %s (%s)", what, strings.ToLower(string(x.Outcome)), x.Code)
}

func causeInWords(c *v1alpha1.Cause) string {
	words := c.Reason
	if c.Step != "" {
		words += " at " + c.Step
	}
	if c.Code != "" {
		words += ", code " + c.Code
	}
	if c.Message != "" {
		words += " (" + c.Message + ")"
	}
	return words
}

// lasted is the time from the beginning of the life to its end, or to its wait for a person.
func (r *run) lasted(s engine.State) time.Duration {
	switch {
	case s.EndTime != nil:
		return s.EndTime.Sub(dawn)
	case s.InterventionTime != nil:
		return s.InterventionTime.Sub(dawn)
	}
	return r.world.Now.Sub(dawn)
}

func (r *run) timeSteps(t *tally, s engine.State) {
	for i := range s.Steps {
		for j, x := range []*v1alpha1.Exchange{s.Steps[i].Action, s.Steps[i].Compensation} {
			begun, ok := r.begun[place{s.Steps[i].Name, []engine.Direction{engine.Forward, engine.Backward}[j]}]
			if !ok && x != nil && x.StartTime != nil {
				begun, ok = x.StartTime.Time, true // a delay, an await or an approval sends nothing
			}
			if ok && x != nil && x.EndTime != nil {
				t.spent[2*i+j] = max(t.spent[2*i+j], x.EndTime.Sub(begun))
			}
		}
	}
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
