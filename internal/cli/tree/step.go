package tree

import (
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// step draws one step: a row for the doing, and one for the undoing where that was asked for.
func (d *drawing) step(n *node, branch, below string) {
	st := d.status(n.step.Name)
	doing := row{state: st.State, cells: [columns]string{branch + n.step.Name, string(st.State), work(n.step), "", "", "", ""}}
	doing.exchange(st.Action)
	doing.note(d.notes(n, st)...)
	d.rows = append(d.rows, doing)
	if st.Compensation == nil {
		return
	}
	undoing := row{state: st.State, cells: [columns]string{strings.TrimRight(below, " "), "", undo(n.step), "", "", "", ""}}
	undoing.exchange(st.Compensation)
	d.rows = append(d.rows, undoing)
}

// status is where a step stands; not started where status does not list it yet.
func (d *drawing) status(name string) *v1alpha1.StepStatus {
	for i := range d.look.Saga.Status.Steps {
		if st := &d.look.Saga.Status.Steps[i]; st.Name == name {
			return st
		}
	}
	return &v1alpha1.StepStatus{Name: name, State: v1alpha1.StepNotStarted}
}

// work is what doing the step is about.
func work(step *v1alpha1.Step) string {
	switch {
	case step.Action != nil:
		return "→ " + step.Participant + "." + step.Action.Command
	case step.Publish != nil:
		return "→ " + step.Participant + "." + step.Publish.Event + " (event)"
	case step.Await != nil:
		return "← " + step.Participant + "." + step.Await.Event + " (awaited)"
	case step.Delay != nil && step.Delay.For != nil:
		return "delay of " + duration.HumanDuration(step.Delay.For.Duration)
	case step.Delay != nil:
		return "delay until " + step.Delay.Until
	case step.Approval != nil:
		return "approval"
	}
	return ""
}

// undo is what undoing the step is about.
func undo(step *v1alpha1.Step) string {
	switch c := step.Compensation; {
	case c == nil:
		return "↩"
	case c.Publish != nil:
		return "↩ " + step.Participant + "." + c.Publish.Event + " (event)"
	default:
		return "↩ " + step.Participant + "." + c.Command
	}
}

// exchange fills in what was asked and answered.
func (r *row) exchange(x *v1alpha1.Exchange) {
	if x == nil {
		return
	}
	r.cells[3] = fmt.Sprint(x.Attempt)
	if x.Round > 1 {
		r.cells[3] = fmt.Sprintf("%d (round %d)", x.Attempt, x.Round)
	}
	if x.StartTime != nil {
		r.cells[4] = x.StartTime.UTC().Format(time.RFC3339)
		if x.EndTime != nil {
			r.cells[5] = duration.HumanDuration(x.EndTime.Sub(x.StartTime.Time))
		}
	}
	switch {
	case x.Outcome == v1alpha1.ExchangeRetrying && x.RetryTime != nil:
		r.note("again at " + x.RetryTime.UTC().Format(time.RFC3339))
	case x.DueTime != nil && x.EndTime == nil:
		r.note("until " + x.DueTime.UTC().Format(time.RFC3339))
	}
	if x.Code != "" {
		r.note(strings.TrimSuffix(x.Code+": "+x.Message, ": "))
	}
}

// note adds to the last column.
func (r *row) note(notes ...string) {
	for _, note := range notes {
		if r.cells[columns-1] != "" {
			r.cells[columns-1] += "; "
		}
		r.cells[columns-1] += strings.Join(strings.Fields(note), " ")
	}
}

// notes are what else is to be said of a step.
func (d *drawing) notes(n *node, st *v1alpha1.StepStatus) []string {
	var notes []string
	if len(n.joins) > 0 {
		notes = append(notes, "also after "+strings.Join(n.joins, ", "))
	}
	if n.step.OnFailure == v1alpha1.FailureContinue {
		notes = append(notes, "optional")
	}
	if n.step.When != "" && st.State == v1alpha1.StepNotStarted {
		notes = append(notes, "when "+n.step.When)
	}
	if len(st.ApprovedBy) > 0 {
		notes = append(notes, "approved by "+strings.Join(st.ApprovedBy, ", "))
	}
	if len(d.look.Actions(st)) > 0 {
		notes = append(notes, fmt.Sprintf("waits for decision %d", st.Decision))
	}
	if r := st.Resolved; r != nil {
		notes = append(notes, fmt.Sprintf("decision %d was %s, by %s", r.Decision, r.Action, r.By))
	}
	return notes
}
