package engine

import (
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Acceptance says whether a saga can run: a status, reason and message of condition Accepted. Final means that no
// change around it can help: the saga is Rejected.
type Acceptance struct {
	Status  metav1.ConditionStatus
	Reason  string
	Message string
	Final   bool
}

// Facts are what a summary needs beside the state.
type Facts struct {
	Generation  int64
	Now         time.Time  // of conditions that change before there is a decision
	Acceptance  Acceptance // ignored once the saga has started, unless it is ReferencesMissing
	SpecChanged bool       // what the saga runs is no longer what it started with
	Suspend     bool       // a suspension is asked for before the start
	Refused     []string   // requests that do not fit, in words
	Previous    []metav1.Condition
}

// Summarize turns state into status: phase, progress, what is waited for, and all six conditions. p may be nil where the
// definition is not available. It is pure: the same arguments always give the same status.
func Summarize(p *Program, s State, f Facts) v1alpha1.SagaStatus {
	v := view{p: p, s: &s, f: f}
	st := v1alpha1.SagaStatus{
		ObservedGeneration: f.Generation,
		Phase:              v.phase(),
		Progress:           v.progress(),
		SagaState:          *s.DeepCopy(),
	}
	v.current = st.Phase
	st.WaitingFor = clip(v.waitingFor(), maxMessage)
	st.Conditions = v.conditions()
	return st
}

type view struct {
	p       *Program
	s       *State
	f       Facts
	current v1alpha1.SagaPhase
}

func (v view) phase() v1alpha1.SagaPhase {
	switch {
	case v.s.StartTime == nil && v.f.Acceptance.Final:
		return v1alpha1.PhaseRejected
	case v.s.StartTime == nil:
		return v1alpha1.PhasePending
	case v.s.EndTime != nil && v.s.Cause == nil:
		return v1alpha1.PhaseCompleted
	case v.s.EndTime != nil:
		return v1alpha1.PhaseCompensated
	case len(waiting(v.s)) > 0 && !v.busy():
		return v1alpha1.PhaseNeedsIntervention
	case v.s.Cause != nil:
		return v1alpha1.PhaseCompensating
	default:
		return v1alpha1.PhaseRunning
	}
}

// inFlight returns the index of the step that the saga waits for: the first that is being done or undone, or, where there is
// none, that waits for an event, a time or a person. -1: none.
func (v view) inFlight() int {
	waits := -1
	for i := range v.s.Steps {
		st := v.s.Steps[i].State
		switch {
		case st != v1alpha1.StepRunning && st != v1alpha1.StepCompensating:
		case !v.waits(i):
			return i
		case waits < 0:
			waits = i
		}
	}
	return waits
}

// busy says whether something goes on by itself: a wait that may last for months hides nothing that a person must decide.
func (v view) busy() bool {
	i := v.inFlight()
	return i >= 0 && !v.waits(i)
}

// waits says whether step i waits for an event, a time or a person.
func (v view) waits(i int) bool {
	st := &v.s.Steps[i]
	return st.State == v1alpha1.StepRunning && st.Action != nil && st.Action.DueTime != nil
}

// progress counts the steps whose effect stands, of all.
func (v view) progress() string {
	if v.s.StartTime == nil {
		if v.p == nil {
			return ""
		}
		return fmt.Sprintf("0/%d", len(v.p.steps))
	}
	done := 0
	for i := range v.s.Steps {
		st := &v.s.Steps[i]
		succeeded := st.Action != nil && st.Action.Outcome == v1alpha1.ExchangeSucceeded
		counts := st.State == v1alpha1.StepSucceeded || st.State == v1alpha1.StepSkipped
		if counts || succeeded && st.State != v1alpha1.StepCompensated {
			done++
		}
	}
	return fmt.Sprintf("%d/%d", done, len(v.s.Steps))
}

func (v view) waitingFor() string {
	switch v.current {
	case v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated, v1alpha1.PhaseRejected:
		return ""
	case v1alpha1.PhasePending:
		if v.f.Suspend && v.f.Acceptance.Status == metav1.ConditionTrue {
			return "resuming (spec.suspend)"
		}
		return strings.TrimPrefix(v.f.Acceptance.Message, "Waiting for ")
	case v1alpha1.PhaseNeedsIntervention:
		return v.decisions()
	case v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating:
	}
	if i := v.inFlight(); i >= 0 {
		return v.exchange(i)
	}
	if v.s.SuspendTime != nil {
		return "resuming (spec.suspend)"
	}
	return ""
}

// decisions says what a person has to decide.
func (v view) decisions() string {
	var words []string
	for _, i := range waiting(v.s) {
		st := &v.s.Steps[i]
		if keyUsedWait(st) {
			words = append(words, fmt.Sprintf("spec.abort or spec.adopt: the key of %s is used", st.Name))
			continue
		}
		words = append(words, fmt.Sprintf("decision %d on %s", st.Decision, st.Name))
	}
	return strings.Join(words, ", ")
}

func (v view) exchange(i int) string {
	st := &v.s.Steps[i]
	if v.waits(i) {
		return v.wait(i)
	}
	x, word := st.Action, "action"
	if st.State == v1alpha1.StepCompensating {
		x, word = st.Compensation, "compensation"
	}
	if x == nil {
		return ""
	}
	if v.knows() {
		word = v.messageType(i, st.State)
	}
	if x.Outcome == v1alpha1.ExchangeRetrying && x.RetryTime != nil {
		if v.s.SuspendTime != nil && st.State == v1alpha1.StepRunning {
			return "resuming (spec.suspend)"
		}
		return fmt.Sprintf("%s (%s), attempt %d at %s", word, st.Name, x.Attempt+1, x.RetryTime.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("%s (%s), attempt %d", word, st.Name, x.Attempt)
}

func (v view) messageType(i int, state v1alpha1.StepState) string {
	def := &v.p.steps[i]
	if state == v1alpha1.StepCompensating && def.compensation != nil {
		return def.compensation.messageType
	}
	return def.action.messageType
}

// knows says whether the program is there, and is the saga's.
func (v view) knows() bool { return v.p != nil && v.p.fits(v.s) }

// wait says what event, time or person step i waits for.
func (v view) wait(i int) string {
	st := &v.s.Steps[i]
	until := st.Action.DueTime.UTC().Format(time.RFC3339)
	if !v.knows() {
		return fmt.Sprintf("%s, until %s", st.Name, until)
	}
	switch def := &v.p.steps[i]; {
	case def.kind == kindDelay:
		return fmt.Sprintf("%s at %s", st.Name, until)
	case def.kind == kindApproval:
		of := ""
		if def.approval.approvers > 1 {
			of = fmt.Sprintf(" (%d of %d)", len(st.ApprovedBy)+1, def.approval.approvers)
		}
		return fmt.Sprintf("approval%s: decision %d on %s, until %s", of, st.Decision, st.Name, until)
	default:
		return fmt.Sprintf("event %s (%s), until %s", def.await.succeeded, st.Name, until)
	}
}

// approvals are the steps that wait for a person's approval.
func (v view) approvals() []string {
	var words []string
	for i := range v.s.Steps {
		if v.knows() && v.p.steps[i].kind == kindApproval && v.p.isOpen(v.s, i) {
			words = append(words, fmt.Sprintf("decision %d on %s", v.s.Steps[i].Decision, v.s.Steps[i].Name))
		}
	}
	return words
}
