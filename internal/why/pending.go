package why

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// pending is the clause of a saga that has not started.
func (c Case) pending() string {
	accepted := c.condition(v1alpha1.ConditionAccepted)
	switch {
	case c.Saga.Status.ObservedGeneration == 0:
		return "waits for the operator to look at it for the first time: where that takes longer than a minute, see whether the manager " +
			"is ready and watches this namespace"
	case c.Saga.Spec.Suspend && (accepted.Status == metav1.ConditionTrue || accepted.Reason == v1alpha1.ReasonQueued):
		return fmt.Sprintf("is suspended before its start: start it with `%s`", c.command("resume"))
	case accepted.Reason == v1alpha1.ReasonQueued:
		return "is queued: it waits for " + tidy(accepted.Message)
	case accepted.Reason == v1alpha1.ReasonDefinitionNotFound && c.Saga.Spec.DefinitionRef != nil && c.Saga.Spec.DefinitionRef.Revision != "":
		return "has not started: it waits for " + tidy(accepted.Message)
	case accepted.Reason == v1alpha1.ReasonDefinitionNotFound:
		return fmt.Sprintf("has not started: it waits for %s to be created in its namespace", tidy(accepted.Message))
	case accepted.Reason == v1alpha1.ReasonParticipantNotFound:
		return fmt.Sprintf("has not started: it waits for %s to be created in its namespace", tidy(accepted.Message))
	case accepted.Status != metav1.ConditionTrue && accepted.Message != "":
		return "has not started: it waits for " + tidy(accepted.Message)
	}
	return "waits for the operator to start it"
}

// ended is the clause of a saga that has come to its end.
func (c Case) ended() string {
	status := &c.Saga.Status
	switch status.Phase {
	case v1alpha1.PhaseCompleted:
		return fmt.Sprintf("was completed at %s: every step is done%s", c.past(status.EndTime), c.refusedAbort())
	case v1alpha1.PhaseRejected:
		return "was rejected and has done nothing: " + tidy(c.condition(v1alpha1.ConditionAccepted).Message)
	case v1alpha1.PhaseCompensated:
		return fmt.Sprintf("was undone by %s because %s%s", c.past(status.EndTime), Because(status.Cause), c.stays())
	case v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating, v1alpha1.PhaseNeedsIntervention:
	}
	return "has ended"
}

func (c Case) refusedAbort() string {
	if c.condition(v1alpha1.ConditionCompensating).Reason == v1alpha1.ReasonAbortRefused {
		return "; it was to be aborted, but was beyond its point of no return"
	}
	return ""
}

// stays names the steps whose effect was left as it is.
func (c Case) stays() string {
	var names []string
	for _, st := range c.Saga.Status.Steps {
		if st.State == v1alpha1.StepNotCompensated {
			names = append(names, fmt.Sprintf("%q", st.Name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "; a person decided that the effect of " + list(names, "and") + " stays"
}
