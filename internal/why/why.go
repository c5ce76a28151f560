// Package why says in one sentence what a saga waits for, from what is stored of it. It is pure: it reads no clock and no cluster.
package why

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Case is a saga and what is known around it.
type Case struct {
	Saga *v1alpha1.Saga
	// Definition is what the saga runs: its own, or that of the revision it is pinned to. nil: not to be had.
	Definition *v1alpha1.SagaDefinitionSpec
	// Participants are those of the saga's namespace, as far as they are known.
	Participants []v1alpha1.SagaParticipant
	// Now is the time of the question.
	Now time.Time
}

// Sentence names the one thing that the saga waits for, with the command that helps where a person is waited for; or
// says how the saga has ended. It is one line and ends with a full stop.
func Sentence(c Case) string {
	return fmt.Sprintf("Saga %s/%s %s.", c.Saga.Namespace, c.Saga.Name, c.clause())
}

// clause is the sentence without its subject.
func (c Case) clause() string {
	status := &c.Saga.Status
	switch status.Phase {
	case v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated, v1alpha1.PhaseRejected:
		return c.ended()
	case v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating, v1alpha1.PhaseNeedsIntervention:
	}
	if changed := c.condition(v1alpha1.ConditionReady); changed.Reason == v1alpha1.ReasonSpecChanged {
		return "sends nothing, since what it runs is no longer what it started with: restore its spec as it was, or set " +
			"spec.deletionPolicy to Orphan, delete it, and make a new one"
	}
	if status.StartTime == nil {
		return c.pending()
	}
	if missing := c.condition(v1alpha1.ConditionAccepted); missing.Reason == v1alpha1.ReasonReferencesMissing {
		return "sends nothing, since something that it needs is gone: it waits for " + tidy(missing.Message)
	}
	return c.started()
}

// started is the clause of a saga that can go on.
func (c Case) started() string {
	if waits := c.deciding(); len(waits) > 0 && c.Saga.Status.Phase == v1alpha1.PhaseNeedsIntervention {
		return c.undoing() + c.decisions(waits)
	}
	flying := c.flying()
	switch {
	case len(flying) > 0:
		return c.undoing() + c.flight(flying)
	case c.Saga.Status.SuspendTime != nil:
		return c.suspended()
	default:
		return c.undoing() + "waits for the operator to look at it again: where that takes longer than a minute, see whether the manager is ready"
	}
}

func (c Case) suspended() string {
	return fmt.Sprintf("is suspended since %s: go on with `%s`", c.past(c.Saga.Status.SuspendTime), c.command("resume"))
}

// condition is a condition of the saga, or the zero one.
func (c Case) condition(kind string) metav1.Condition {
	if found := meta.FindStatusCondition(c.Saga.Status.Conditions, kind); found != nil {
		return *found
	}
	return metav1.Condition{}
}

// step is what the definition says of a step, or nil.
func (c Case) step(name string) *v1alpha1.Step {
	if c.Definition == nil {
		return nil
	}
	for i := range c.Definition.Steps {
		if c.Definition.Steps[i].Name == name {
			return &c.Definition.Steps[i]
		}
	}
	return nil
}
