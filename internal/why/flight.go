package why

import (
	"cmp"
	"fmt"
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// flying are the steps that are being done or undone: those that wait for a person first, then in the definition's order.
func (c Case) flying() []*v1alpha1.StepStatus {
	var steps []*v1alpha1.StepStatus
	for i := range c.Saga.Status.Steps {
		st := &c.Saga.Status.Steps[i]
		if st.State == v1alpha1.StepRunning || st.State == v1alpha1.StepCompensating {
			steps = append(steps, st)
		}
	}
	slices.SortStableFunc(steps, func(a, b *v1alpha1.StepStatus) int { return cmp.Compare(c.rank(a), c.rank(b)) })
	return steps
}

func (c Case) rank(st *v1alpha1.StepStatus) int {
	if c.Approving(st) {
		return 0
	}
	return 1
}

// flight names the first step that is on its way, and tells of the others.
func (c Case) flight(steps []*v1alpha1.StepStatus) string {
	st := steps[0]
	held := c.Saga.Status.SuspendTime != nil && st.State == v1alpha1.StepRunning
	if held && st.Action != nil && st.Action.Outcome == v1alpha1.ExchangeRetrying {
		return c.suspended()
	}
	text := c.exchange(st)
	if st.State == v1alpha1.StepRunning && c.Saga.Status.Cause != nil {
		text += ", before anything is undone"
	}
	if latched(c.Saga, v1alpha1.LatchAbort) && c.Saga.Status.Cause == nil && c.condition(v1alpha1.ConditionCompensating).Reason != v1alpha1.ReasonAbortRefused {
		text += "; the abort waits for that, too"
	}
	if held {
		text += fmt.Sprintf("; then nothing more is sent, since it is suspended: go on with `%s`", c.command("resume"))
	}
	if others := len(steps) - 1; others > 0 {
		text += fmt.Sprintf("; %d more on the way: %s", others, names(steps[1:]))
	}
	return text
}

func names(steps []*v1alpha1.StepStatus) string {
	var words []string
	for _, st := range steps {
		words = append(words, st.Name)
	}
	return list(words, "and")
}

func latched(saga *v1alpha1.Saga, latch v1alpha1.Latch) bool {
	return slices.Contains(saga.Status.Latches, latch)
}

// exchange says what one step waits for.
func (c Case) exchange(st *v1alpha1.StepStatus) string {
	def := c.step(st.Name)
	if st.State == v1alpha1.StepCompensating {
		return c.asked(st, st.Compensation, compensationOf(def))
	}
	switch {
	case st.Action == nil:
		return fmt.Sprintf("waits for step %q", st.Name)
	case c.Approving(st):
		return c.approval(st, def)
	case def == nil && st.Action.DueTime != nil:
		return fmt.Sprintf("waits in step %q until %s", st.Name, c.future(st.Action.DueTime.Time))
	case def != nil && def.Await != nil:
		return c.await(st, def)
	case def != nil && def.Delay != nil && st.Action.DueTime != nil:
		return fmt.Sprintf("waits until %s (step %q, a delay)", c.future(st.Action.DueTime.Time), st.Name)
	case c.observes(def):
		return c.observed(st, def)
	}
	return c.asked(st, st.Action, actionOf(def))
}

func (c Case) observes(def *v1alpha1.Step) bool {
	return c.Definition != nil && c.Definition.Mode == v1alpha1.ModeObserved && def != nil && def.Action != nil
}

func (c Case) observed(st *v1alpha1.StepStatus, def *v1alpha1.Step) string {
	succeeded, failed := def.Action.Command+"-succeeded", def.Action.Command+"-failed"
	if e := def.Action.Events; e != nil {
		succeeded, failed = cmp.Or(e.Succeeded, succeeded), cmp.Or(e.Failed, failed)
	}
	return fmt.Sprintf("waits for participant %q to tell what came of step %q, by event %s.%s or %s.%s, since %s%s",
		def.Participant, st.Name, def.Participant, succeeded, def.Participant, failed, c.past(st.Action.StartTime), c.due(st.Action))
}

func (c Case) await(st *v1alpha1.StepStatus, def *v1alpha1.Step) string {
	key := "the saga's business key"
	if def.Await.Key != "" {
		key = "the key " + def.Await.Key
	} else if c.Saga.Spec.BusinessKey != "" {
		key = "the key " + c.Saga.Spec.BusinessKey
	}
	return fmt.Sprintf("waits for event %s.%s correlated by %s (step %q), since %s%s",
		def.Participant, def.Await.Event, key, st.Name, c.past(st.Action.StartTime), c.due(st.Action))
}

// due says until when something is waited for.
func (c Case) due(x *v1alpha1.Exchange) string {
	if x.DueTime == nil {
		return ""
	}
	return " and until " + c.future(x.DueTime.Time)
}

func (c Case) approval(st *v1alpha1.StepStatus, def *v1alpha1.Step) string {
	needed, asks := int32(1), st.Action.Message
	if def != nil && def.Approval != nil {
		if def.Approval.Approvers != nil {
			needed = *def.Approval.Approvers
		}
		asks = cmp.Or(asks, def.Approval.Message)
	}
	question := ""
	if asks != "" {
		question = fmt.Sprintf(", which asks %q,", tidy(asks))
	}
	by := ""
	if len(st.ApprovedBy) > 0 {
		by = " (approved by " + list(st.ApprovedBy, "and") + ")"
	}
	return fmt.Sprintf("waits for a person to approve step %q%s with %d of %d approvals given%s, since %s%s: `%s` or `%s`",
		st.Name, question, len(st.ApprovedBy), needed, by, c.past(st.Action.StartTime), c.due(st.Action),
		c.command("approve", st.Name), c.command("decline", st.Name))
}
