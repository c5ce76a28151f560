package simulate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// reasons lists the condition table of docs/architecture.md, "Life of a saga": status and reason by type.
var reasons = map[string]map[metav1.ConditionStatus][]string{
	v1alpha1.ConditionAccepted: {
		metav1.ConditionTrue: {v1alpha1.ReasonAccepted},
		metav1.ConditionFalse: {v1alpha1.ReasonInvalidDefinition, v1alpha1.ReasonInvalidParameters, v1alpha1.ReasonInvalidExpression,
			v1alpha1.ReasonInputTooLarge, v1alpha1.ReasonDuplicateKey, v1alpha1.ReasonReferencesMissing},
		metav1.ConditionUnknown: {v1alpha1.ReasonPending, v1alpha1.ReasonDefinitionNotFound, v1alpha1.ReasonParticipantNotFound},
	},
	v1alpha1.ConditionReady: {
		metav1.ConditionTrue: {v1alpha1.ReasonCompleted},
		metav1.ConditionFalse: {v1alpha1.ReasonRunning, v1alpha1.ReasonSuspended, v1alpha1.ReasonCompensating, v1alpha1.ReasonNeedsIntervention,
			v1alpha1.ReasonCompensated, v1alpha1.ReasonRejected, v1alpha1.ReasonSpecChanged},
		metav1.ConditionUnknown: {v1alpha1.ReasonPending},
	},
	v1alpha1.ConditionStalled: {
		metav1.ConditionTrue: {v1alpha1.ReasonNeedsIntervention, v1alpha1.ReasonKeyUsed, v1alpha1.ReasonCompensated,
			v1alpha1.ReasonRejected, v1alpha1.ReasonSpecChanged},
		metav1.ConditionFalse: {v1alpha1.ReasonProgressing, v1alpha1.ReasonCompleted},
	},
	v1alpha1.ConditionFinished: {
		metav1.ConditionTrue:  {v1alpha1.ReasonCompleted, v1alpha1.ReasonCompensated, v1alpha1.ReasonRejected},
		metav1.ConditionFalse: {v1alpha1.ReasonInProgress},
	},
	v1alpha1.ConditionCompensating: {
		metav1.ConditionTrue: {v1alpha1.ReasonStepFailed, v1alpha1.ReasonOutcomeUnknown, v1alpha1.ReasonDeadlineExceeded,
			v1alpha1.ReasonAborted, v1alpha1.ReasonDeleted},
		metav1.ConditionFalse: {v1alpha1.ReasonNotNeeded, v1alpha1.ReasonUndone, v1alpha1.ReasonAbortRefused},
	},
	v1alpha1.ConditionSuspended: {
		metav1.ConditionTrue:  {v1alpha1.ReasonSuspendRequested, v1alpha1.ReasonAwaitingApproval},
		metav1.ConditionFalse: {v1alpha1.ReasonNotSuspended},
	},
}

// CheckConditions returns what is wrong with the six conditions of a status.
func CheckConditions(st v1alpha1.SagaStatus) error {
	var wrong []error
	if len(st.Conditions) != len(reasons) {
		wrong = append(wrong, fmt.Errorf("%d conditions, there are always %d", len(st.Conditions), len(reasons)))
	}
	seen := map[string]bool{}
	for _, c := range st.Conditions {
		if seen[c.Type] || !slices.Contains(reasons[c.Type][c.Status], c.Reason) {
			wrong = append(wrong, fmt.Errorf("condition %s=%s %s is not in the table, or there twice", c.Type, c.Status, c.Reason))
		}
		seen[c.Type] = true
		if c.ObservedGeneration != st.ObservedGeneration || c.LastTransitionTime.IsZero() || len(c.Message) > 1024 {
			wrong = append(wrong, fmt.Errorf("condition %+v lacks its generation or time, or says too much", c))
		}
	}
	if len(st.WaitingFor) > 256 || len(st.Progress) > 16 {
		wrong = append(wrong, fmt.Errorf("waitingFor %q or progress %q is too long", st.WaitingFor, st.Progress))
	}
	return errors.Join(wrong...)
}

func (w Write) checkConditions(now time.Time) error {
	return CheckConditions(engine.Summarize(w.Saga.Program, w.After, engine.Facts{Generation: 7, Now: now}))
}
