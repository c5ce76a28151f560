package why

import (
	"fmt"
	"strings"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// deciding are the steps that wait for a person as NeedsIntervention.
func (c Case) deciding() []*v1alpha1.StepStatus {
	var waits []*v1alpha1.StepStatus
	for i := range c.Saga.Status.Steps {
		if st := &c.Saga.Status.Steps[i]; st.State == v1alpha1.StepNeedsIntervention {
			waits = append(waits, st)
		}
	}
	return waits
}

// KeyUsed says whether a step waits because another saga has used its idempotency key: only abort or adopt of the whole saga help.
func KeyUsed(st *v1alpha1.StepStatus) bool {
	return st.State == v1alpha1.StepNeedsIntervention && st.Compensation == nil && st.Action != nil &&
		st.Action.Outcome == v1alpha1.ExchangeFailed && st.Action.Code == v1alpha1.CodeKeyUsed
}

// Approving says whether a step is an approval that waits for a person.
func (c Case) Approving(st *v1alpha1.StepStatus) bool {
	if st.State != v1alpha1.StepRunning {
		return false
	}
	if def := c.step(st.Name); def != nil {
		return def.Approval != nil
	}
	resolved := int32(0)
	if st.Resolved != nil {
		resolved = st.Resolved.Decision
	}
	return st.Decision > resolved
}

// Actions are what a person may decide about a step that waits; none where nothing of it can be resolved.
func (c Case) Actions(st *v1alpha1.StepStatus) []v1alpha1.ResolutionAction {
	recovery := c.recovery(st)
	switch {
	case c.Approving(st) && recovery == v1alpha1.RecoveryRetriable:
		return []v1alpha1.ResolutionAction{v1alpha1.ResolutionMarkDone, v1alpha1.ResolutionSkip, v1alpha1.ResolutionRetry}
	case c.Approving(st):
		return []v1alpha1.ResolutionAction{v1alpha1.ResolutionMarkDone, v1alpha1.ResolutionCompensate, v1alpha1.ResolutionSkip, v1alpha1.ResolutionRetry}
	case st.State != v1alpha1.StepNeedsIntervention, KeyUsed(st) && (recovery == v1alpha1.RecoveryCompensatable || recovery == ""):
		return nil
	case KeyUsed(st) && recovery == v1alpha1.RecoveryPivot:
		return []v1alpha1.ResolutionAction{v1alpha1.ResolutionSkip, v1alpha1.ResolutionMarkDone, v1alpha1.ResolutionCompensate}
	case KeyUsed(st):
		return []v1alpha1.ResolutionAction{v1alpha1.ResolutionSkip, v1alpha1.ResolutionMarkDone}
	case c.undoes(st) && st.Compensation == nil && !c.undoable(st):
		return []v1alpha1.ResolutionAction{v1alpha1.ResolutionSkip, v1alpha1.ResolutionMarkDone}
	case !c.undoes(st) && recovery == v1alpha1.RecoveryCompensatable && !unheard(st):
		return nil
	}
	var actions []v1alpha1.ResolutionAction
	if c.undoes(st) || c.Saga.Status.SuspendTime == nil { // suspended, nothing is asked forward
		actions = append(actions, v1alpha1.ResolutionRetry)
	}
	actions = append(actions, v1alpha1.ResolutionSkip, v1alpha1.ResolutionMarkDone)
	if !c.undoes(st) && recovery != v1alpha1.RecoveryRetriable {
		actions = append(actions, v1alpha1.ResolutionCompensate)
	}
	return actions
}

// undoes says whether a decision about a step is one about undoing it: also that of an optional step whose saga goes on.
func (c Case) undoes(st *v1alpha1.StepStatus) bool {
	def := c.step(st.Name)
	optional := def != nil && def.OnFailure == v1alpha1.FailureContinue && st.State == v1alpha1.StepNeedsIntervention && !KeyUsed(st) && !unheard(st)
	return c.Saga.Status.Cause != nil || st.Compensation != nil || optional
}

// undoable says whether the definition says how a step is undone.
func (c Case) undoable(st *v1alpha1.StepStatus) bool {
	def := c.step(st.Name)
	return def != nil && def.Compensation != nil && (def.Compensation.Command != "" || def.Compensation.Publish != nil)
}

// unheard says whether a step waits because nothing was heard of its saga, which only observes.
func unheard(st *v1alpha1.StepStatus) bool {
	return st.State == v1alpha1.StepNeedsIntervention && st.Action != nil && st.Action.Code == v1alpha1.CodeUnheard
}

// doubtful says why a step waits that the saga has neither asked for nor undone.
func (c Case) doubtful(st *v1alpha1.StepStatus) string {
	cause := c.Saga.Status.Cause
	switch {
	case !c.undoes(st) || st.Compensation != nil || !c.undoable(st):
		return ""
	case cause != nil && cause.Code == v1alpha1.CodeKeyUsed:
		return " (another saga has the idempotency key, and may be the one whose effect this is)"
	}
	return " (it may have been done without this saga)"
}

// committed says whether the saga is beyond its point of no return, where step but does not count: its pivot is done or, where it has
// none, another retriable step has begun.
func (c Case) committed(but *v1alpha1.StepStatus) bool {
	pivot, begun := false, false
	for i := range c.Saga.Status.Steps {
		st := &c.Saga.Status.Steps[i]
		switch c.recovery(st) {
		case v1alpha1.RecoveryPivot:
			if st.State == v1alpha1.StepSucceeded || st.State == v1alpha1.StepSkipped {
				return c.Saga.Status.Cause == nil
			}
			pivot = true
		case v1alpha1.RecoveryRetriable:
			begun = begun || st.Name != but.Name && st.State != v1alpha1.StepNotStarted
		case v1alpha1.RecoveryCompensatable:
		}
	}
	return begun && !pivot && c.Saga.Status.Cause == nil
}

// recovery is how a step recovers; empty where the definition is not to be had.
func (c Case) recovery(st *v1alpha1.StepStatus) v1alpha1.RecoveryType {
	def := c.step(st.Name)
	switch {
	case def == nil:
		return ""
	case def.Recovery == "":
		return v1alpha1.RecoveryCompensatable
	}
	return def.Recovery
}

// decisions names each decision that is waited for, and the command that takes it.
func (c Case) decisions(waits []*v1alpha1.StepStatus) string {
	for _, st := range waits {
		if KeyUsed(st) {
			return c.keyUsed(st)
		}
	}
	var words []string
	for _, st := range waits {
		words = append(words, c.decision(st))
	}
	return "waits for a person: " + strings.Join(words, "; ")
}

func (c Case) decision(st *v1alpha1.StepStatus) string {
	var actions []string
	for _, action := range c.Actions(st) {
		actions = append(actions, string(action))
	}
	x, what := st.Action, "action"
	if st.Compensation != nil {
		x, what = st.Compensation, "compensation"
	}
	trouble := c.doubtful(st)
	switch {
	case trouble != "":
		what = "compensation"
	case x != nil:
		trouble = coded(x.Code, x.Message)
	}
	command := c.command("resolve", st.Name, "--action", strings.Join(actions, "|"), "--reason '…'")
	return fmt.Sprintf("decision %d on the %s of step %q%s is to be %s, with `%s`", st.Decision, what, st.Name, trouble, list(actions, "or"), command)
}

func (c Case) keyUsed(st *v1alpha1.StepStatus) string {
	if c.committed(st) {
		return fmt.Sprintf("waits for a person, since another saga has used its idempotency key (step %q), and it can only go forward: where the first run has done the "+
			"step, go on with `%s`; where it was lost, continue it with `%s`", st.Name,
			c.command("resolve", st.Name, "--action", "Skip|MarkDone", "--reason '…'"), c.command("adopt"))
	}
	return fmt.Sprintf("waits for a person, since another saga has used its idempotency key (step %q): where the first run counts, end this one with "+
		"`%s`; where it was lost, continue it with `%s`", st.Name, c.command("abort"), c.command("adopt"))
}
