package controllers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// awaiting is a saga that waits an hour for a to have received the payment of its order, and then charges at b.
func awaiting(name, orderID string) *v1alpha1.Saga {
	return &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.SagaSpec{
			Params: raw(`{"orderId":%q}`, orderID),
			Definition: &v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{{
				Name: "pay", Participant: "a",
				Await: &v1alpha1.Await{Event: "received", Key: "${params.orderId}", Timeout: &metav1.Duration{Duration: time.Hour}},
			}, {
				Name: "charge", Participant: "b",
				Action:       &v1alpha1.Action{Command: "charge", Input: raw(`{"amount":"${steps['pay'].output.amount}"}`)},
				Compensation: &v1alpha1.Compensation{Policy: v1alpha1.CompensationNone},
			}}},
		},
	}
}

// await makes participants and a saga that waits, and has the topic of events read.
func await(t *testing.T, change ...func(*v1alpha1.Saga)) *sagas {
	t.Helper()
	s := newSagas(t)
	s.participants("a", "b")
	saga := awaiting("x", "o-1")
	for _, f := range change {
		f(saga)
	}
	s.start(saga)
	s.look()
	return s
}

// stateOf is where a step of x stands.
func (s *sagas) stateOf(step string) v1alpha1.StepState {
	s.t.Helper()
	return stepNamed(s.t, s.get("x"), step).State
}

func (s *sagas) expectState(step string, want v1alpha1.StepState) {
	s.t.Helper()
	if got := s.stateOf(step); got != want {
		s.t.Fatalf("step %s is %s, want %s: %+v", step, got, want, s.get("x").Status)
	}
}

// expectCommitted checks how far the events of a may be committed.
func (s *sagas) expectCommitted(want int64) {
	s.t.Helper()
	if got := s.topic("a.events").committed; got != want {
		s.t.Fatalf("%d events may be committed, want %d", got, want)
	}
}

var ten = map[string]string{"amount": "10"}

func TestAnAwaitedEventCompletesItsStep(t *testing.T) {
	s := await(t)
	before := s.get("x").ResourceVersion
	if result := s.mustReconcile("x"); result.RequeueAfter < 59*time.Minute || s.get("x").ResourceVersion != before {
		t.Fatalf("looked at again after %s, and written: %t", result.RequeueAfter, s.get("x").ResourceVersion != before)
	}
	s.happens("a.received", "e-1", "o-1", ten)
	s.expectCommitted(0)
	s.mustReconcile("x")
	s.flush()
	s.expectState("pay", v1alpha1.StepSucceeded)
	s.expectCommitted(1)
	sent := s.broker.to("b.commands")
	if len(sent) != 1 || string(sent[0].Value) != `{"amount":"10"}` {
		t.Fatalf("b was asked %v", s.commands("b"))
	}
}

// askingFirst has b asked something before the payment is awaited.
func askingFirst(saga *v1alpha1.Saga) {
	d := saga.Spec.Definition
	first := v1alpha1.Step{Name: "ask", Participant: "b", Action: &v1alpha1.Action{Command: "ask"},
		Compensation: &v1alpha1.Compensation{Policy: v1alpha1.CompensationNone}}
	d.Steps = append([]v1alpha1.Step{first}, d.Steps...)
}

func TestAnEventThatComesBeforeItsStepCounts(t *testing.T) {
	s := await(t, askingFirst)
	s.happens("a.received", "e-1", "o-1", ten)
	s.mustReconcile("x")
	s.expectCommitted(1) // it is kept in the saga's status
	s.restart()
	s.look()
	s.mustReconcile("x")
	s.flush()
	s.answer("b", wire.Succeeded, nil)
	s.mustReconcile("x")
	s.expectState("pay", v1alpha1.StepSucceeded)
}

func TestAnEventWithinAMinuteBeforeItsSagaCounts(t *testing.T) {
	for after, want := range map[time.Duration]v1alpha1.StepState{
		59 * time.Second: v1alpha1.StepSucceeded, events.Grace: v1alpha1.StepRunning,
	} {
		t.Run(after.String(), func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b")
			s.create(&v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Name: "d"}, Spec: *awaiting("x", "o-1").Spec.Definition})
			s.look()
			s.happens("a.received", "e-1", "o-1", ten)
			s.now = s.now.Add(after)
			s.read()
			s.start(awaiting("x", "o-1"))
			s.expectState("pay", want)
			s.expectCommitted(1)
		})
	}
}

func TestASagaThatWaitsForItsStartKeepsItsEvents(t *testing.T) {
	s := newSagas(t)
	s.participants("a")
	s.start(awaiting("x", "o-1")) // b is missing
	s.look()
	s.happens("a.received", "e-1", "o-1", ten)
	s.now = s.now.Add(time.Hour)
	s.mustReconcile("x")
	s.read()
	s.expectCommitted(0)
	s.participants("b")
	s.mustReconcile("x")
	s.expectState("pay", v1alpha1.StepSucceeded)
	s.expectCommitted(1)
}

func TestEventsThatAreNotForTheStepChangeNothing(t *testing.T) {
	large := func(saga *v1alpha1.Saga) {
		saga.Spec.Definition.Steps[0].Await.Filter = "event.data.amount == '10' && event.type == 'a.received'"
	}
	for name, c := range map[string]struct {
		change func(*v1alpha1.Saga)
		kind   string
		key    string
		data   any
	}{
		"of another order":               {large, "a.received", "o-2", ten},
		"of another type":                {large, "a.refused", "o-1", ten},
		"that its filter does not want":  {large, "a.received", "o-1", map[string]string{"amount": "9"}},
		"that its filter fails on":       {large, "a.received", "o-1", map[string]string{}},
		"of another participant's topic": {large, "b.received", "o-1", ten},
	} {
		t.Run(name, func(t *testing.T) {
			s := await(t, c.change)
			s.happens(c.kind, "e-1", c.key, c.data)
			s.mustReconcile("x")
			s.now = s.now.Add(events.Grace)
			s.read()
			s.mustReconcile("x")
			s.expectState("pay", v1alpha1.StepRunning)
			if s.kept() != 0 {
				t.Fatalf("%d events are kept", s.kept())
			}
			s.happens("a.received", "e-2", "o-1", ten)
			s.mustReconcile("x")
			s.expectState("pay", v1alpha1.StepSucceeded)
		})
	}
}

func TestAnEventThatIsReadTwiceCountsOnce(t *testing.T) {
	s := await(t, func(saga *v1alpha1.Saga) {
		d := saga.Spec.Definition
		second := *d.Steps[0].DeepCopy()
		second.Name = "pay-again"
		d.Steps = []v1alpha1.Step{d.Steps[0], second}
	})
	for range 2 {
		s.happens("a.received", "e-1", "o-1", ten)
		s.mustReconcile("x")
	}
	s.expectState("pay", v1alpha1.StepSucceeded)
	s.expectState("pay-again", v1alpha1.StepRunning)
	s.expectCommitted(2)
	s.happens("a.received", "e-2", "o-1", ten)
	s.mustReconcile("x")
	s.expectState("pay-again", v1alpha1.StepSucceeded)
}

func TestTwoSagasWithOneKeyBothGetTheEvent(t *testing.T) {
	s := await(t)
	s.start(awaiting("y", "o-1"))
	s.happens("a.received", "e-1", "o-1", ten)
	s.mustReconcile("x")
	s.expectCommitted(0)
	s.restart() // y has not heard of it yet
	s.expects("x", "y")
	s.look()
	for _, name := range []string{"x", "y"} {
		s.mustReconcile(name)
	}
	s.read()
	for _, name := range []string{"x", "y"} {
		s.mustReconcile(name)
		if st := stepNamed(t, s.get(name), "pay"); st.State != v1alpha1.StepSucceeded {
			t.Fatalf("the step of %s is %s", name, st.State)
		}
	}
	s.now = s.now.Add(events.Grace)
	s.read()
	s.expectCommitted(1)
}

func TestAnEventIsSettledOnlyOnceItsStatusIsStored(t *testing.T) {
	s := await(t)
	s.happens("a.received", "e-1", "o-1", ten)
	s.cache = &faulty{indexed: indexed{s.api}, refuse: true}
	if _, err := s.reconcile("x"); !errors.Is(err, errBroken) {
		t.Fatalf("error is %v", err)
	}
	s.expectCommitted(0)
	s.restart()
	s.expects("x")
	s.look()
	if s.topic("a.events").sink != nil {
		t.Fatal("events are read before every saga was looked at")
	}
	s.mustReconcile("x")
	s.read()
	s.mustReconcile("x")
	s.expectState("pay", v1alpha1.StepSucceeded)
	s.expectCommitted(1)
}

func TestAnAwaitEndsOnceSilenceWasHeard(t *testing.T) {
	s := await(t)
	topic := s.topic("a.events")
	topic.since = time.Time{} // the broker is away
	s.now = s.now.Add(2 * time.Hour)
	before := s.get("x").ResourceVersion
	s.mustReconcile("x")
	if s.get("x").ResourceVersion != before {
		t.Fatalf("written during the outage: %+v", s.get("x").Status)
	}
	s.happens("a.received", "e-1", "o-1", ten) // it is there, and cannot be read yet
	topic.since = s.now
	s.read()
	s.mustReconcile("x")
	s.expectState("pay", v1alpha1.StepSucceeded)
}

func TestAnAwaitWhoseEventDoesNotComeFails(t *testing.T) {
	s := await(t)
	s.pass("x", 2*time.Second)
	s.now = s.now.Add(time.Hour)
	s.mustReconcile("x")
	if got := s.get("x"); got.Status.Cause == nil || got.Status.Cause.Step != "pay" || got.Status.Cause.Code != v1alpha1.CodeTimeout {
		t.Fatalf("the cause is %+v", got.Status.Cause)
	}
}

func TestAnEventThatCannotBeKeptAnyMoreIsADeadLetter(t *testing.T) {
	s := await(t, askingFirst)
	for i := range 9 {
		s.happens("a.received", fmt.Sprint("e-", i), "o-1", ten)
	}
	s.broker.no = map[string]bool{"test.saga.deadletters": true}
	if _, err := s.reconcile("x"); err == nil {
		t.Fatal("no error although the dead letter could not be kept")
	}
	s.expectCommitted(8)
	s.broker.no = nil
	s.mustReconcile("x")
	s.expectCommitted(9)
	if got := s.deadReasons(); !slices.Equal(got, []string{wire.ReasonEventLate}) {
		t.Fatalf("dead letters: %v", got)
	}
}

func TestAnEventKeyCorrelatesAndOneThatDoesNotCompileIsWaitedFor(t *testing.T) {
	s := newSagas(t)
	s.participants("b")
	s.create(&v1alpha1.SagaParticipant{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: v1alpha1.SagaParticipantSpec{
		Topics: v1alpha1.ParticipantTopics{Events: "a.events"}, EventKey: "event.data.order.",
	}})
	s.start(awaiting("x", "o-1"))
	got := s.get("x").Status.Conditions
	i := slices.IndexFunc(got, func(c metav1.Condition) bool { return c.Type == v1alpha1.ConditionAccepted })
	if got[i].Reason != v1alpha1.ReasonReferencesMissing || !strings.Contains(got[i].Message, `SagaParticipant "a" to be accepted: spec.eventKey: `) {
		t.Fatalf("Accepted is %+v", got[i])
	}
	participant := &v1alpha1.SagaParticipant{}
	if err := s.api.Get(t.Context(), s.key("a"), participant); err != nil {
		t.Fatal(err)
	}
	participant.Spec.EventKey = "event.data.order"
	if err := s.api.Update(t.Context(), participant); err != nil {
		t.Fatal(err)
	}
	s.mustReconcile("x")
	s.look()
	s.happens("a.received", "e-1", "another", map[string]string{"order": "o-1", "amount": "10"})
	s.mustReconcile("x")
	s.expectState("pay", v1alpha1.StepSucceeded)
}

// hasOutput says whether a step's output is to be stored.
func hasOutput(saga *v1alpha1.Saga, step string) bool {
	return slices.ContainsFunc(saga.Status.Steps, func(st v1alpha1.StepStatus) bool { return st.Name == step && st.Output != nil })
}

func TestAnEventThatTheAPIServerRefusesIsADeadLetterAndTheSagaWaitsOn(t *testing.T) {
	s := await(t)
	s.happens("a.received", "e-1", "o-1", ten)
	s.cache = s.refusing(func(saga *v1alpha1.Saga) bool { return hasOutput(saga, "pay") })
	s.mustReconcile("x")
	s.expectState("pay", v1alpha1.StepRunning)
	s.expectCommitted(1)
	if got := s.deadReasons(); !slices.Equal(got, []string{wire.ReasonStatusRejected}) {
		t.Fatalf("dead letters: %v", got)
	}
}

func TestAnEventIsNotBlamedForTheReplyBesideIt(t *testing.T) {
	s := await(t, askingFirst)
	s.happens("a.received", "e-1", "o-1", ten)
	s.answer("b", wire.Succeeded, ten)
	s.cache = s.refusing(func(saga *v1alpha1.Saga) bool { return hasOutput(saga, "ask") })
	s.mustReconcile("x")
	s.expectState("ask", v1alpha1.StepSucceeded)
	s.expectCommitted(0)
	s.mustReconcile("x")
	s.expectState("pay", v1alpha1.StepSucceeded)
	s.expectCommitted(1)
}

func TestADeadlineOfAnObservedSagaPassesOnceItsEventsWereHeard(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := observing("x")
	saga.Spec.Definition.Deadline = &metav1.Duration{Duration: time.Minute}
	saga.Spec.Definition.Steps[0].Action.Timeout = &metav1.Duration{Duration: time.Hour}
	saga.Spec.Definition.Steps = saga.Spec.Definition.Steps[:1]
	s.start(saga)
	s.look()
	s.topic("a.events").since = time.Time{}
	s.now = s.now.Add(10 * time.Minute)
	s.happens("a.reserve-succeeded", "e-1", "o-1", map[string]string{})
	s.mustReconcile("x")
	s.topic("a.events").since = s.now
	s.read()
	s.mustReconcile("x")
	if got := s.get("x").Status; got.Phase != v1alpha1.PhaseCompleted {
		t.Fatalf("phase is %s, cause %+v", got.Phase, got.Cause)
	}
}
