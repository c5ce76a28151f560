package order

import (
	"fmt"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// maxMessage is the longest message that the order's status takes, in characters.
const maxMessage = 512

// verdict is what one condition of an order says.
type verdict struct {
	status  metav1.ConditionStatus
	reason  string
	message string
}

// outcome is how an order stands, before it is written as a status.
type outcome struct {
	phase                    v1alpha1.OrderPhase
	accepted, ready, stalled verdict
	message                  string
}

// Final says whether the order has ended: nothing of its status changes any more.
func Final(status v1alpha1.OrderWorkflowStatus) bool {
	switch status.Phase {
	case v1alpha1.OrderCompleted, v1alpha1.OrderCancelled, v1alpha1.OrderRejected:
		return true
	case v1alpha1.OrderPending, v1alpha1.OrderProcessing, v1alpha1.OrderNeedsAttention:
		return false
	}
	return false // no phase yet
}

// Changed says whether next is worth a write: another phase, another saga, or another reason to be stalled. A message
// that reads differently is not; an order has few writes of its own.
func Changed(stored, next v1alpha1.OrderWorkflowStatus) bool {
	return stored.Phase != next.Phase || stored.SagaUID != next.SagaUID || stalledReason(stored) != stalledReason(next)
}

func stalledReason(status v1alpha1.OrderWorkflowStatus) string {
	if stalled := meta.FindStatusCondition(status.Conditions, v1alpha1.ConditionStalled); stalled != nil {
		return stalled.Reason
	}
	return ""
}

// Summarize returns the status of an order whose saga is the given one, as of now (UTC). Ids are taken over where the
// saga waits or has ended: in between they stay as they were, since they change with every step.
func Summarize(order *v1alpha1.OrderWorkflow, saga *v1alpha1.Saga, now time.Time) v1alpha1.OrderWorkflowStatus {
	status := order.Status.DeepCopy()
	status.SagaUID = string(saga.UID)
	o := outcomeOf(saga)
	if o.phase != v1alpha1.OrderProcessing {
		found := idsOf(saga.Status.Steps)
		status.ReservationID, status.PaymentID, status.ShipmentID = string(found.Reservation), string(found.Payment), string(found.Shipment)
	}
	return write(order, status, o, now)
}

// Invalid returns the status of an order that Check refused.
func Invalid(order *v1alpha1.OrderWorkflow, err error, now time.Time) v1alpha1.OrderWorkflowStatus {
	message := "The order is wrong: " + err.Error()
	return write(order, order.Status.DeepCopy(), outcome{
		phase:    v1alpha1.OrderRejected,
		accepted: verdict{metav1.ConditionFalse, v1alpha1.ReasonInvalidOrder, message},
		ready:    verdict{metav1.ConditionFalse, v1alpha1.ReasonInvalidOrder, message},
		stalled:  verdict{metav1.ConditionTrue, v1alpha1.ReasonInvalidOrder, message},
		message:  message,
	}, now)
}

// Stuck returns the status of an order that has no saga to follow: reason is SagaLost, SagaNameTaken or SagaUnavailable,
// and message says what a person can do.
func Stuck(order *v1alpha1.OrderWorkflow, reason, message string, now time.Time) v1alpha1.OrderWorkflowStatus {
	return write(order, order.Status.DeepCopy(), outcome{
		phase:    v1alpha1.OrderNeedsAttention,
		accepted: acceptedVerdict(),
		ready:    verdict{metav1.ConditionFalse, reason, message},
		stalled:  verdict{metav1.ConditionTrue, reason, message},
		message:  message,
	}, now)
}

// write puts an outcome into a status, which it changes and returns.
func write(order *v1alpha1.OrderWorkflow, status *v1alpha1.OrderWorkflowStatus, o outcome, now time.Time) v1alpha1.OrderWorkflowStatus {
	status.ObservedGeneration = order.Generation
	status.Phase = o.phase
	status.Total = fmt.Sprintf("%s %s", order.Spec.Total, order.Spec.Currency)
	status.Message = shorten(o.message)
	set := func(kind string, v verdict) {
		if old := meta.FindStatusCondition(status.Conditions, kind); old != nil && old.LastTransitionTime.Unix() <= 0 {
			meta.RemoveStatusCondition(&status.Conditions, kind) // the schema's default: it knows no time of its own
		}
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: kind, Status: v.status, Reason: v.reason, Message: v.message,
			ObservedGeneration: order.Generation,
			LastTransitionTime: metav1.NewTime(now),
		})
	}
	set(v1alpha1.ConditionAccepted, o.accepted)
	set(v1alpha1.ConditionReady, o.ready)
	set(v1alpha1.ConditionStalled, o.stalled)
	return *status
}

func shorten(message string) string {
	if utf8.RuneCountInString(message) <= maxMessage {
		return message
	}
	return string([]rune(message)[:maxMessage-1]) + "…"
}
