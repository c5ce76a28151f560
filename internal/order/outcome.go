package order

import (
	"cmp"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// outcomeOf says what the saga's phase means for its order.
func outcomeOf(saga *v1alpha1.Saga) outcome {
	if Halted(saga) {
		return waiting(saga)
	}
	switch saga.Status.Phase {
	case v1alpha1.PhaseCompleted:
		return completed()
	case v1alpha1.PhaseCompensated:
		return ended(v1alpha1.OrderCancelled, v1alpha1.ReasonCompensated, "Cancelled, and nothing is left of it: "+causeOf(saga))
	case v1alpha1.PhaseRejected:
		return rejected(saga)
	case v1alpha1.PhaseNeedsIntervention:
		return waiting(saga)
	case v1alpha1.PhasePending, v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating:
		return processing()
	}
	return processing() // made, and not looked at yet
}

func processing() outcome {
	const message = "On its way; the saga of the same name says where it stands"
	return outcome{
		phase:    v1alpha1.OrderProcessing,
		accepted: acceptedVerdict(),
		ready:    verdict{metav1.ConditionFalse, v1alpha1.ReasonRunning, message},
		stalled:  verdict{metav1.ConditionFalse, v1alpha1.ReasonProgressing, message},
		message:  message,
	}
}

func completed() outcome {
	const message = "Everything is done"
	return outcome{
		phase:    v1alpha1.OrderCompleted,
		accepted: acceptedVerdict(),
		ready:    verdict{metav1.ConditionTrue, v1alpha1.ReasonCompleted, message},
		stalled:  verdict{metav1.ConditionFalse, v1alpha1.ReasonCompleted, message},
		message:  message,
	}
}

// ended is an order that ended, or waits, without being done.
func ended(phase v1alpha1.OrderPhase, reason, message string) outcome {
	return outcome{
		phase:    phase,
		accepted: acceptedVerdict(),
		ready:    verdict{metav1.ConditionFalse, reason, message},
		stalled:  verdict{metav1.ConditionTrue, reason, message},
		message:  message,
	}
}

// Halted says whether the saga sends nothing, whatever its phase, since what it runs was changed under it.
func Halted(saga *v1alpha1.Saga) bool {
	stalled := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionStalled)
	return stalled != nil && stalled.Status == metav1.ConditionTrue && stalled.Reason == v1alpha1.ReasonSpecChanged
}

// waiting is an order whose saga waits for a person; KeyUsed is told apart, since it has its own way out.
func waiting(saga *v1alpha1.Saga) outcome {
	reason := v1alpha1.ReasonNeedsIntervention
	if stalled := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionStalled); stalled != nil && stalled.Status == metav1.ConditionTrue {
		reason = stalled.Reason
	}
	message := "A person must decide; see the saga of the same name"
	if saga.Status.WaitingFor != "" {
		message += ": " + saga.Status.WaitingFor
	}
	return ended(v1alpha1.OrderNeedsAttention, reason, message)
}

// rejected is an order whose saga could never start, for the reason that the saga's Accepted condition gives.
func rejected(saga *v1alpha1.Saga) outcome {
	o := ended(v1alpha1.OrderRejected, v1alpha1.ReasonRejected, "It could not start, and nothing was done")
	if refused := meta.FindStatusCondition(saga.Status.Conditions, v1alpha1.ConditionAccepted); refused != nil {
		o.accepted = verdict{refused.Status, refused.Reason, refused.Message}
		o.message += ": " + refused.Message
	}
	return o
}

func acceptedVerdict() verdict {
	return verdict{metav1.ConditionTrue, v1alpha1.ReasonAccepted, "The amounts are right"}
}

// causeOf says why the saga was undone, in words such as "Card declined (CARD_DECLINED, step charge-payment)".
func causeOf(saga *v1alpha1.Saga) string {
	cause := saga.Status.Cause
	if cause == nil {
		return "its saga was undone"
	}
	text := cmp.Or(cause.Message, cause.Reason)
	code := cmp.Or(cause.Code, cause.Reason)
	if cause.Step == "" {
		return fmt.Sprintf("%s (%s)", text, code)
	}
	return fmt.Sprintf("%s (%s, step %s)", text, code, cause.Step)
}
