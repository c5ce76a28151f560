package order

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// sagaIn is the order's saga in a phase, changed by edit.
func sagaIn(phase v1alpha1.SagaPhase, edit ...func(*v1alpha1.Saga)) *v1alpha1.Saga {
	saga := &v1alpha1.Saga{ObjectMeta: metav1.ObjectMeta{Name: "order-1001", UID: types.UID("s-uid")}}
	saga.Status.Phase = phase
	for _, change := range edit {
		change(saga)
	}
	return saga
}

func step(state v1alpha1.StepState, output string) v1alpha1.StepStatus {
	return v1alpha1.StepStatus{Name: "a", State: state, Output: &runtime.RawExtension{Raw: []byte(output)}}
}

func steps(all ...v1alpha1.StepStatus) func(*v1alpha1.Saga) {
	return func(saga *v1alpha1.Saga) { saga.Status.Steps = all }
}

func condition(kind string, status metav1.ConditionStatus, reason, message string) func(*v1alpha1.Saga) {
	return func(saga *v1alpha1.Saga) {
		meta.SetStatusCondition(&saga.Status.Conditions, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message})
	}
}

// shown is what a person sees of a status: ids, phase and message, and each condition as "True Reason".
type shown struct {
	phase                          v1alpha1.OrderPhase
	accepted, ready, stalled       string
	reservation, payment, shipment string
	message                        string // a part of it
}

func show(status v1alpha1.OrderWorkflowStatus, messagePart string) shown {
	is := func(kind string) string {
		c := meta.FindStatusCondition(status.Conditions, kind)
		if c == nil {
			return "missing"
		}
		return string(c.Status) + " " + c.Reason
	}
	message := status.Message
	if strings.Contains(message, messagePart) {
		message = messagePart
	}
	return shown{
		phase: status.Phase, accepted: is("Accepted"), ready: is("Ready"), stalled: is("Stalled"),
		reservation: status.ReservationID, payment: status.PaymentID, shipment: status.ShipmentID, message: message,
	}
}

func TestSummarize(t *testing.T) {
	processing := shown{phase: "Processing", accepted: "True Accepted", ready: "False Running", stalled: "False Progressing", message: "On its way"}
	reserved := step(v1alpha1.StepSucceeded, `{"reservationId":"r-81"}`)
	for name, tc := range map[string]struct {
		saga *v1alpha1.Saga
		want shown
	}{
		"a saga that nobody looked at yet is on its way": {saga: sagaIn(""), want: processing},
		"a saga that runs is on its way, and shows no ids, which change with every step": {
			saga: sagaIn(v1alpha1.PhaseRunning, steps(reserved)), want: processing,
		},
		"a saga that is being undone is on its way": {saga: sagaIn(v1alpha1.PhaseCompensating), want: processing},
		"a completed saga completes the order, which shows all ids": {
			saga: sagaIn(v1alpha1.PhaseCompleted, steps(reserved,
				step(v1alpha1.StepSucceeded, `{"paymentId":"p-3","receipt":{"paymentId":"no"}}`), step(v1alpha1.StepSucceeded, `{"shipmentId":77}`))),
			want: shown{
				phase: "Completed", accepted: "True Accepted", ready: "True Completed", stalled: "False Completed",
				reservation: "r-81", payment: "p-3", shipment: "77", message: "Everything is done",
			},
		},
		"a compensated saga cancels the order, which says why and shows no id of what was undone": {
			saga: sagaIn(v1alpha1.PhaseCompensated, steps(step(v1alpha1.StepCompensated, `{"reservationId":"r-81"}`)), func(s *v1alpha1.Saga) {
				s.Status.Cause = &v1alpha1.Cause{Reason: "StepFailed", Step: "charge-payment", Code: "CARD_DECLINED", Message: "Card declined"}
			}),
			want: shown{
				phase: "Cancelled", accepted: "True Accepted", ready: "False Compensated", stalled: "True Compensated",
				message: "Card declined (CARD_DECLINED, step charge-payment)",
			},
		},
		"an aborted saga cancels the order": {
			saga: sagaIn(v1alpha1.PhaseCompensated, func(s *v1alpha1.Saga) { s.Status.Cause = &v1alpha1.Cause{Reason: "Aborted"} }),
			want: shown{
				phase: "Cancelled", accepted: "True Accepted", ready: "False Compensated", stalled: "True Compensated", message: "Aborted (Aborted)",
			},
		},
		"a saga that waits for a person needs attention, and shows what stands": {
			saga: sagaIn(v1alpha1.PhaseNeedsIntervention, steps(step(v1alpha1.StepNeedsIntervention, `{"paymentId":"p-3"}`)), func(s *v1alpha1.Saga) {
				s.Status.WaitingFor = "a decision about payment.refund"
			}),
			want: shown{
				phase: "NeedsAttention", accepted: "True Accepted", ready: "False NeedsIntervention", stalled: "True NeedsIntervention",
				payment: "p-3", message: "a decision about payment.refund",
			},
		},
		"a used key is told apart": {
			saga: sagaIn(v1alpha1.PhaseNeedsIntervention, condition("Stalled", metav1.ConditionTrue, "KeyUsed", "")),
			want: shown{
				phase: "NeedsAttention", accepted: "True Accepted", ready: "False KeyUsed", stalled: "True KeyUsed", message: "A person must decide",
			},
		},
		"a saga that halts since what it runs was changed needs attention, whatever its phase": {
			saga: sagaIn(v1alpha1.PhaseCompensating, condition("Stalled", metav1.ConditionTrue, "SpecChanged", "")),
			want: shown{
				phase: "NeedsAttention", accepted: "True Accepted", ready: "False SpecChanged", stalled: "True SpecChanged", message: "A person must decide",
			},
		},
		"a rejected saga rejects the order with the saga's reason": {
			saga: sagaIn(v1alpha1.PhaseRejected, condition("Accepted", metav1.ConditionFalse, "InvalidParameters", "lines: too few")),
			want: shown{
				phase: "Rejected", accepted: "False InvalidParameters", ready: "False Rejected", stalled: "True Rejected", message: "lines: too few",
			},
		},
		"a value that is no id, or too long for one, is left out": {
			saga: sagaIn(v1alpha1.PhaseCompleted, steps(
				step(v1alpha1.StepSucceeded, `{"reservationId":{"a":1},"paymentId":"`+strings.Repeat("p", 129)+`","shipmentId":"s-1"}`),
				v1alpha1.StepStatus{Name: "silent", State: v1alpha1.StepSucceeded})),
			want: shown{
				phase: "Completed", accepted: "True Accepted", ready: "True Completed", stalled: "False Completed",
				shipment: "s-1", message: "Everything is done",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := tea()
			before := o.DeepCopy()
			status := Summarize(o, tc.saga, noon)
			if diff := cmp.Diff(tc.want, show(status, tc.want.message), cmp.AllowUnexported(shown{})); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
			if status.SagaUID != "s-uid" || status.Total != "129.90 EUR" || status.ObservedGeneration != 1 {
				t.Errorf("uid %q, total %q, generation %d", status.SagaUID, status.Total, status.ObservedGeneration)
			}
			if diff := cmp.Diff(before, o); diff != "" {
				t.Errorf("the order was modified:\n%s", diff)
			}
		})
	}
}

func TestStatusWithoutASaga(t *testing.T) {
	t.Run("a wrong order is rejected for good", func(t *testing.T) {
		status := Invalid(tea(), errors.New("total: off by one"), noon)
		want := shown{
			phase: "Rejected", accepted: "False InvalidOrder", ready: "False InvalidOrder", stalled: "True InvalidOrder", message: "total: off by one",
		}
		if diff := cmp.Diff(want, show(status, want.message), cmp.AllowUnexported(shown{})); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if !Final(status) {
			t.Error("not final")
		}
	})
	t.Run("a lost saga needs attention and keeps its uid", func(t *testing.T) {
		o := tea(func(o *v1alpha1.OrderWorkflow) { o.Status.SagaUID = "s-uid" })
		status := Stuck(o, v1alpha1.ReasonSagaLost, "gone", noon)
		want := shown{phase: "NeedsAttention", accepted: "True Accepted", ready: "False SagaLost", stalled: "True SagaLost", message: "gone"}
		if diff := cmp.Diff(want, show(status, want.message), cmp.AllowUnexported(shown{})); diff != "" {
			t.Errorf("status (-want +got):\n%s", diff)
		}
		if Final(status) || status.SagaUID != "s-uid" {
			t.Errorf("final: %v, uid %q", Final(status), status.SagaUID)
		}
	})
	t.Run("a long message is cut at the bound, in characters", func(t *testing.T) {
		status := Stuck(tea(), v1alpha1.ReasonSagaUnavailable, strings.Repeat("ü", 600), noon)
		if want := strings.Repeat("ü", 511) + "…"; status.Message != want {
			t.Errorf("message of %d bytes", len(status.Message))
		}
	})
}

func TestAConditionFromTheSchemasDefaultGetsATime(t *testing.T) {
	o := tea()
	o.Status.Conditions = []metav1.Condition{{Type: "Stalled", Status: "False", Reason: "Progressing", LastTransitionTime: metav1.NewTime(time.Unix(0, 0))}}
	status := Summarize(o, sagaIn(v1alpha1.PhaseRunning), noon)
	if stalled := meta.FindStatusCondition(status.Conditions, "Stalled"); !stalled.LastTransitionTime.Time.Equal(noon) {
		t.Errorf("Stalled has been so since %v; want %v", stalled.LastTransitionTime, noon)
	}
}

func TestChanged(t *testing.T) {
	o := tea()
	running := Summarize(o, sagaIn(v1alpha1.PhaseRunning), noon)
	waits := Summarize(o, sagaIn(v1alpha1.PhaseNeedsIntervention), noon)
	for name, tc := range map[string]struct {
		from, to v1alpha1.OrderWorkflowStatus
		want     bool
	}{
		"the start is written":                           {from: o.Status, to: running, want: true},
		"what happens on the way is not":                 {from: running, to: Summarize(o, sagaIn(v1alpha1.PhaseCompensating), noon), want: false},
		"the wait for a person is written":               {from: running, to: waits, want: true},
		"its end is written":                             {from: waits, to: running, want: true},
		"that the person is asked something else is not": {from: waits, to: Summarize(o, sagaIn(v1alpha1.PhaseNeedsIntervention, func(s *v1alpha1.Saga) { s.Status.WaitingFor = "b" }), noon), want: false},
		"another reason to wait is written":              {from: waits, to: Stuck(o, v1alpha1.ReasonSagaLost, "gone", noon), want: true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Changed(tc.from, tc.to); got != tc.want {
				t.Errorf("Changed: %v; want %v", got, tc.want)
			}
		})
	}
}
