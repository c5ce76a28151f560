package engine

import (
	"cmp"
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// verdict on one condition.
type judgement struct {
	status  metav1.ConditionStatus
	reason  string
	message string
}

func isTrue(reason, message string) judgement {
	return judgement{metav1.ConditionTrue, reason, message}
}

func isFalse(reason, message string) judgement {
	return judgement{metav1.ConditionFalse, reason, message}
}

// conditions returns all six, in a fixed order. A condition that keeps its status keeps its time.
func (v view) conditions() []metav1.Condition {
	judged := []struct {
		kind string
		j    judgement
	}{
		{v1alpha1.ConditionAccepted, v.accepted()},
		{v1alpha1.ConditionReady, v.ready()},
		{v1alpha1.ConditionStalled, v.stalled()},
		{v1alpha1.ConditionFinished, v.finished()},
		{v1alpha1.ConditionCompensating, v.compensating()},
		{v1alpha1.ConditionSuspended, v.suspended()},
	}
	conditions := make([]metav1.Condition, len(judged))
	for i, c := range judged {
		conditions[i] = metav1.Condition{
			Type: c.kind, Status: c.j.status, Reason: c.j.reason, Message: c.j.message,
			ObservedGeneration: v.f.Generation, LastTransitionTime: v.since(c.kind, c.j.status),
		}
	}
	return conditions
}

func (v view) since(kind string, status metav1.ConditionStatus) metav1.Time {
	for _, c := range v.f.Previous {
		if c.Type == kind && c.Status == status && c.LastTransitionTime.Unix() > 0 {
			return c.LastTransitionTime
		}
	}
	if v.s.DecisionTime != nil {
		return *v.s.DecisionTime
	}
	return *metaTime(v.f.Now)
}

func (v view) accepted() judgement {
	a := v.f.Acceptance
	if v.s.StartTime != nil && a.Reason != v1alpha1.ReasonReferencesMissing || a.Reason == "" {
		if v.s.StartTime == nil {
			return judgement{metav1.ConditionUnknown, v1alpha1.ReasonPending, "Not looked at yet"}
		}
		return isTrue(v1alpha1.ReasonAccepted, "The saga can run")
	}
	return judgement{a.Status, a.Reason, a.Message}
}

func (v view) ready() judgement {
	if v.f.SpecChanged && v.s.EndTime == nil {
		return isFalse(v1alpha1.ReasonSpecChanged, specChanged)
	}
	switch v.current {
	case v1alpha1.PhaseCompleted:
		return isTrue(v1alpha1.ReasonCompleted, v.done())
	case v1alpha1.PhaseCompensated:
		return isFalse(v1alpha1.ReasonCompensated, "Everything is undone: "+v.why())
	case v1alpha1.PhaseRejected:
		return isFalse(v1alpha1.ReasonRejected, v.f.Acceptance.Message)
	case v1alpha1.PhaseNeedsIntervention:
		return isFalse(v1alpha1.ReasonNeedsIntervention, v.needs())
	case v1alpha1.PhaseCompensating:
		return isFalse(v1alpha1.ReasonCompensating, v.withRefused("Being undone: "+v.why()))
	case v1alpha1.PhaseRunning:
		if v.s.SuspendTime != nil {
			return isFalse(v1alpha1.ReasonSuspended, v.withRefused("spec.suspend holds forward commands back"))
		}
		return isFalse(v1alpha1.ReasonRunning, v.withRefused("Running"))
	case v1alpha1.PhasePending:
	}
	message := v.f.Acceptance.Message
	if message == "" {
		message = "Not started yet"
	}
	return judgement{metav1.ConditionUnknown, v1alpha1.ReasonPending, message}
}

// done says how everything is done: which optional steps are not, and why there are no outputs.
func (v view) done() string {
	message := "Every step is done"
	var not []string
	for i := range v.s.Steps {
		switch v.s.Steps[i].State {
		case v1alpha1.StepFailed, v1alpha1.StepCompensated, v1alpha1.StepNotCompensated:
			not = append(not, v.s.Steps[i].Name)
		default:
		}
	}
	if len(not) > 0 {
		message += " but those that are optional and failed: " + strings.Join(not, ", ")
	}
	if v.s.OutputsMessage != "" {
		message += ". There are no outputs: " + v.s.OutputsMessage
	}
	return clip(message, 1024)
}

const specChanged = "What the saga runs is no longer what it started with (spec or revision was changed or replaced); nothing is sent. " +
	"Restore it as it was, or delete the saga with deletionPolicy Orphan and make a new one"

func (v view) stalled() judgement {
	if v.f.SpecChanged && v.s.EndTime == nil {
		return isTrue(v1alpha1.ReasonSpecChanged, specChanged)
	}
	switch v.current {
	case v1alpha1.PhaseNeedsIntervention:
		return isTrue(v.needsReason(), v.needs())
	case v1alpha1.PhaseCompensated:
		return isTrue(v1alpha1.ReasonCompensated, "Everything is undone: "+v.why())
	case v1alpha1.PhaseRejected:
		return isTrue(v1alpha1.ReasonRejected, v.f.Acceptance.Message)
	case v1alpha1.PhaseCompleted:
		return isFalse(v1alpha1.ReasonCompleted, "Every step is done")
	case v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating:
	}
	return isFalse(v1alpha1.ReasonProgressing, "Nobody needs to act")
}

func (v view) needsReason() string {
	for _, i := range waiting(v.s) {
		if keyUsedWait(&v.s.Steps[i]) {
			return v1alpha1.ReasonKeyUsed
		}
	}
	return v1alpha1.ReasonNeedsIntervention
}

// needs says what a person has to do, and which requests did not fit.
func (v view) needs() string {
	return v.withRefused("Waiting for " + v.decisions() + v.codes())
}

// withRefused adds the requests that did not fit.
func (v view) withRefused(message string) string {
	if len(v.f.Refused) > 0 {
		message += ". Not taken: " + strings.Join(v.f.Refused, "; ")
	}
	return clip(message, 1024)
}

func (v view) codes() string {
	var words []string
	for _, i := range waiting(v.s) {
		st := &v.s.Steps[i]
		x := st.Compensation
		if x == nil {
			x = st.Action
		}
		if x != nil && x.Code != "" {
			words = append(words, strings.TrimSuffix(fmt.Sprintf("%s: %s", x.Code, x.Message), ": "))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, "; ") + ")"
}

func (v view) finished() judgement {
	switch v.current {
	case v1alpha1.PhaseCompleted:
		return isTrue(v1alpha1.ReasonCompleted, "Every step is done")
	case v1alpha1.PhaseCompensated:
		return isTrue(v1alpha1.ReasonCompensated, "Everything is undone")
	case v1alpha1.PhaseRejected:
		return isTrue(v1alpha1.ReasonRejected, v.f.Acceptance.Message)
	case v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating, v1alpha1.PhaseNeedsIntervention:
	}
	return isFalse(v1alpha1.ReasonInProgress, "Not ended")
}

func (v view) compensating() judgement {
	aborted := latched(v.s, v1alpha1.LatchAbort)
	switch {
	case v.s.Cause != nil && v.s.EndTime != nil:
		return isFalse(v1alpha1.ReasonUndone, "Everything is undone: "+v.why())
	case v.s.Cause != nil:
		return isTrue(v.s.Cause.Reason, v.why())
	case aborted && (v.p != nil && v.p.committed(v.s) || v.s.EndTime != nil):
		return isFalse(v1alpha1.ReasonAbortRefused, "The saga is beyond its point of no return: it goes forward")
	default:
		return isFalse(v1alpha1.ReasonNotNeeded, "Nothing is being undone")
	}
}

// why says in words why the saga goes, or went, backward.
func (v view) why() string {
	c := v.s.Cause
	if c == nil {
		return ""
	}
	detail := strings.TrimSuffix(fmt.Sprintf("%s: %s", c.Code, c.Message), ": ")
	switch c.Reason {
	case v1alpha1.ReasonStepFailed:
		return strings.TrimSuffix(fmt.Sprintf("step %q failed, %s", c.Step, detail), ", ")
	case v1alpha1.ReasonOutcomeUnknown:
		return strings.TrimSuffix(fmt.Sprintf("the outcome of step %q is unknown, %s", c.Step, detail), ", ")
	case v1alpha1.ReasonDeadlineExceeded:
		return "the deadline has passed"
	case v1alpha1.ReasonAborted:
		return cmp.Or(c.Message, "spec.abort asked for it") + whose(c)
	case v1alpha1.ReasonDeleted:
		return "the saga is being deleted" + whose(c)
	default:
		return c.Reason
	}
}

// whose says that another saga has the key, where that is so.
func whose(c *v1alpha1.Cause) string {
	if c.Code != v1alpha1.CodeKeyUsed {
		return ""
	}
	return "; its idempotency key is that of another saga, of which nothing was changed"
}

func (v view) suspended() judgement {
	if v.s.SuspendTime != nil || v.s.StartTime == nil && v.f.Suspend && !v.f.Acceptance.Final {
		return isTrue(v1alpha1.ReasonSuspendRequested, "spec.suspend holds forward commands back")
	}
	if words := v.approvals(); len(words) > 0 && v.s.Cause == nil {
		return isTrue(v1alpha1.ReasonAwaitingApproval, v.withRefused("Waiting for approval: "+strings.Join(words, ", ")))
	}
	return isFalse(v1alpha1.ReasonNotSuspended, "Forward commands may leave")
}
