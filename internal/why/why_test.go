package why

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

var now = time.Date(2026, 11, 22, 10, 1, 0, 0, time.UTC)

// at is a time so many seconds after ten o'clock; the question is asked at 60.
func at(seconds int) *metav1.Time {
	t := metav1.NewTime(now.Add(-time.Minute + time.Duration(seconds)*time.Second))
	return &t
}

// setup makes a case of its own for one row.
type setup func(*Case)

func caseOf(setups ...setup) Case {
	c := Case{Now: now, Definition: definition(), Saga: &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "order-1"},
		Spec:       v1alpha1.SagaSpec{BusinessKey: "1001"},
	}}
	c.Saga.Status.ObservedGeneration, c.Saga.Status.Phase, c.Saga.Status.StartTime = 1, v1alpha1.PhaseRunning, at(0)
	c.Saga.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted}}
	for _, s := range setups {
		s(&c)
	}
	return c
}

func definition() *v1alpha1.SagaDefinitionSpec {
	return &v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{
		{Name: "reserve", Participant: "inventory", Action: &v1alpha1.Action{Command: "reserve"},
			Compensation: &v1alpha1.Compensation{Command: "release"}},
		{Name: "charge", Participant: "payment", Action: &v1alpha1.Action{Command: "charge", Timeout: &metav1.Duration{Duration: 2 * time.Minute}},
			Compensation: &v1alpha1.Compensation{Publish: &v1alpha1.Publish{Event: "charge-cancelled"}}},
		{Name: "review", Approval: &v1alpha1.Approval{Approvers: ptr(int32(2)), Message: "Ship to ${params.city}?"}},
		{Name: "picked", Participant: "inventory", Await: &v1alpha1.Await{Event: "picked"}},
		{Name: "cool-off", Delay: &v1alpha1.Delay{For: &metav1.Duration{Duration: time.Hour}}},
		{Name: "ship", Recovery: v1alpha1.RecoveryPivot, Participant: "shipping", Action: &v1alpha1.Action{Command: "create"}},
		{Name: "announce", Recovery: v1alpha1.RecoveryRetriable, Participant: "order", Publish: &v1alpha1.Publish{Event: "confirmed"}},
	}}
}

func ptr[T any](v T) *T { return &v }

func phase(p v1alpha1.SagaPhase) setup { return func(c *Case) { c.Saga.Status.Phase = p } }

func pending(reason, message string) setup {
	return func(c *Case) {
		c.Saga.Status.Phase, c.Saga.Status.StartTime = v1alpha1.PhasePending, nil
		status := metav1.ConditionUnknown
		if reason == v1alpha1.ReasonAccepted {
			status = metav1.ConditionTrue
		}
		c.Saga.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: status, Reason: reason, Message: message}}
	}
}

func condition(kind, reason, message string) setup {
	return func(c *Case) {
		c.Saga.Status.Conditions = append(c.Saga.Status.Conditions, metav1.Condition{Type: kind, Reason: reason, Message: message})
	}
}

func doing(name string, x v1alpha1.Exchange) setup {
	return func(c *Case) {
		c.Saga.Status.Steps = append(c.Saga.Status.Steps, v1alpha1.StepStatus{Name: name, State: v1alpha1.StepRunning, Action: &x})
	}
}

func undoing(name string, x v1alpha1.Exchange) setup {
	return func(c *Case) {
		c.Saga.Status.Phase = v1alpha1.PhaseCompensating
		c.Saga.Status.Steps = append(c.Saga.Status.Steps, v1alpha1.StepStatus{Name: name, State: v1alpha1.StepCompensating, Compensation: &x})
	}
}

func step(st v1alpha1.StepStatus) setup {
	return func(c *Case) { c.Saga.Status.Steps = append(c.Saga.Status.Steps, st) }
}

func cause(reason, step, code, message string) setup {
	return func(c *Case) {
		c.Saga.Status.Cause = &v1alpha1.Cause{Reason: reason, Step: step, Code: code, Message: message}
	}
}

func suspended() setup {
	return func(c *Case) { c.Saga.Spec.Suspend, c.Saga.Status.SuspendTime = true, at(50) }
}

func unknown(c *Case) { c.Definition = nil }

func participant(name, kind, reason, message string) setup {
	return func(c *Case) {
		p := v1alpha1.SagaParticipant{ObjectMeta: metav1.ObjectMeta{Name: name}}
		p.Status.Conditions = []metav1.Condition{{Type: kind, Status: metav1.ConditionFalse, Reason: reason, Message: message}}
		c.Participants = append(c.Participants, p)
	}
}

func waiting(attempt int32) v1alpha1.Exchange {
	return v1alpha1.Exchange{Outcome: v1alpha1.ExchangeWaiting, Round: 1, Attempt: attempt, StartTime: at(50)}
}

func waitingUntil(seconds int) v1alpha1.Exchange {
	x := waiting(1)
	x.DueTime = at(seconds)
	return x
}

func retrying(code, message string) v1alpha1.Exchange {
	return v1alpha1.Exchange{Outcome: v1alpha1.ExchangeRetrying, Round: 1, Attempt: 2, RetryTime: at(64), Code: code, Message: message}
}

func TestSentenceNamesTheOneThingThatASagaWaitsFor(t *testing.T) {
	for name, rows := range map[string]map[string]struct {
		setups []setup
		want   string
	}{"pending": pendingRows, "flight": flightRows, "people": peopleRows, "ended": endedRows} {
		for row, tc := range rows {
			t.Run(name+"/"+row, func(t *testing.T) {
				got := Sentence(caseOf(tc.setups...))
				if want := "Saga shop/order-1 " + tc.want + "."; got != want {
					t.Errorf("it says\n%s\nwant\n%s", got, want)
				}
				if strings.ContainsAny(got, "\n\t") {
					t.Errorf("it is no single line: %q", got)
				}
			})
		}
	}
}
