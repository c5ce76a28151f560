package controllers

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// announcing is a saga that announces at a, in the given delivery, and then asks b.
func announcing(name string, delivery v1alpha1.DeliveryPolicy) *v1alpha1.Saga {
	saga := twoSteps(name)
	saga.Spec.Definition.Steps[0] = v1alpha1.Step{
		Name: "announce", Participant: "a", Publish: &v1alpha1.Publish{Event: "begun", Delivery: delivery},
		Compensation: &v1alpha1.Compensation{Publish: &v1alpha1.Publish{Event: "revoked", Data: raw(`{"order":"${params.orderId}"}`)}},
	}
	return saga
}

func TestOnlyWhatIsDeliveredAtLeastOnceIsSentAgainAfterARestart(t *testing.T) {
	for delivery, want := range map[v1alpha1.DeliveryPolicy]int{v1alpha1.DeliveryAtMostOnce: 1, v1alpha1.DeliveryAtLeastOnce: 2} {
		t.Run(string(delivery), func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b")
			s.start(announcing("x", delivery))
			s.restart() // before anybody has noted the acknowledgement
			for range 3 {
				s.mustReconcile("x")
				s.flush()
			}
			sent := s.broker.to("a.events")
			if len(sent) != want {
				t.Fatalf("%d events were sent, want %d", len(sent), want)
			}
			if id := header(sent[0], wire.HeaderID); id != "test/"+s.namespace+"/x/announce/1" {
				t.Fatalf("its id is %q", id)
			}
			if got := slices.Compact(s.commands("b")); !slices.Equal(got, []string{"charge/forward/1/1"}) {
				t.Fatalf("b was asked %v", got)
			}
		})
	}
}

func TestWhatIsDeliveredAtMostOnceIsLostWithTheBrokerAndTheSagaGoesOn(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.broker.no = map[string]bool{"a.events": true}
	s.start(announcing("x", v1alpha1.DeliveryAtMostOnce))
	s.broker.no = nil
	for range 3 {
		s.mustReconcile("x")
		s.now = s.now.Add(2 * time.Minute)
		s.flush()
	}
	if got := len(s.broker.to("a.events")); got != 0 {
		t.Fatalf("%d events were sent after the one try", got)
	}
	s.expectState("announce", v1alpha1.StepSucceeded)
}

func TestADecisionThatIsNotStoredSendsNoEvent(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(announcing("x", v1alpha1.DeliveryAtMostOnce))
	s.cache = &faulty{indexed: indexed{s.api}, refuse: true}
	if _, err := s.reconcile("x"); err == nil {
		t.Fatal("no error")
	}
	s.flush()
	if len(s.broker.sent) != 0 {
		t.Fatalf("%d messages were sent", len(s.broker.sent))
	}
}

func TestAnEventThatTakesAStepBackIsPublishedUntilItIsAcknowledged(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(announcing("x", ""))
	s.mustReconcile("x")
	s.flush()
	s.answer("b", wire.Failed, map[string]string{"code": "NO"})
	s.broker.no = map[string]bool{"a.events": true}
	s.mustReconcile("x")
	s.flush()
	s.expectState("announce", v1alpha1.StepCompensating)
	s.broker.no = nil
	s.restart()
	s.mustReconcile("x")
	s.flush()
	s.mustReconcile("x")
	events := s.broker.to("a.events")
	last := events[len(events)-1]
	if len(events) != 2 || header(last, wire.HeaderID) != "test/"+s.namespace+"/x/announce/backward/1" ||
		header(last, wire.HeaderType) != "a.revoked" || string(last.Value) != `{"order":"o-1"}` {
		t.Fatalf("%d events were sent; the last is %v %s", len(events), last.Headers, last.Value)
	}
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseCompensated {
		t.Fatalf("phase is %s", phase)
	}
}

// observing is twoSteps of which both services decide by themselves.
func observing(name string) *v1alpha1.Saga {
	saga := twoSteps(name)
	saga.Spec.BusinessKey = "o-1"
	saga.Spec.Definition.Mode = v1alpha1.ModeObserved
	return saga
}

func TestAnObservedSagaFollowsWhatServicesTell(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(observing("x"))
	s.look()
	s.happens("a.reserve-succeeded", "e-1", "o-1", map[string]string{"id": "r-1"})
	s.mustReconcile("x")
	s.flush()
	s.expectState("reserve", v1alpha1.StepSucceeded)
	s.happens("b.charge-succeeded", "e-2", "o-1", map[string]string{})
	s.mustReconcile("x")
	s.flush()
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseCompleted || len(s.commands("a"))+len(s.commands("b")) != 0 {
		t.Fatalf("phase is %s; asked: %v, %v", phase, s.commands("a"), s.commands("b"))
	}
}

func TestAnObservedSagaUndoesWhatServicesDidByThemselves(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(observing("x"))
	s.look()
	s.happens("a.reserve-succeeded", "e-1", "o-1", map[string]string{})
	s.happens("b.charge-failed", "e-2", "o-1", map[string]string{"code": "CARD_DECLINED"})
	s.mustReconcile("x")
	s.flush()
	if cause := s.get("x").Status.Cause; cause == nil || cause.Code != "CARD_DECLINED" {
		t.Fatalf("the cause is %+v", cause)
	}
	sent := s.broker.to("a.commands")
	if len(sent) != 1 || header(sent[0], wire.HeaderObserved) != "true" || header(sent[0], wire.HeaderDirection) != "backward" {
		t.Fatalf("a was asked %v", s.commands("a"))
	}
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseCompensated {
		t.Fatalf("phase is %s", phase)
	}
}

func TestAnObservedActionThatNobodyTellsOfIsUndoneOnceSilenceWasHeard(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := observing("x")
	saga.Spec.Definition.Steps[1].Action.Timeout = &metav1.Duration{Duration: 30 * time.Second}
	s.start(saga)
	s.look()
	s.happens("a.reserve-succeeded", "e-1", "o-1", map[string]string{"id": "r-1"})
	s.mustReconcile("x")
	s.topic("b.events").since = time.Time{}
	s.now = s.now.Add(time.Minute)
	s.mustReconcile("x")
	s.expectState("charge", v1alpha1.StepRunning)
	s.topic("b.events").since = s.now
	s.mustReconcile("x")
	s.flush()
	s.answer("b", wire.Succeeded, nil) // it may have been done all the same
	s.mustReconcile("x")
	s.flush()
	if got := s.commands("a"); !slices.Equal(got, []string{"reserve/backward/1/1"}) {
		t.Fatalf("a was asked %v: %+v", got, s.get("x").Status)
	}
}

func TestAnObservedSagaOfWhichNothingIsHeardWaitsForAPersonOrAnEvent(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := observing("x")
	saga.Spec.Definition.Steps[0].Action.Timeout = &metav1.Duration{Duration: 30 * time.Second}
	s.start(saga)
	s.look()
	s.now = s.now.Add(time.Minute)
	s.topic("a.events").since = s.now
	s.mustReconcile("x")
	s.flush()
	st := stepNamed(t, s.get("x"), "reserve")
	if st.State != v1alpha1.StepNeedsIntervention || st.Action.Code != v1alpha1.CodeUnheard || len(s.commands("a"))+len(s.commands("b")) != 0 {
		t.Fatalf("it is %+v; asked: %v, %v", st, s.commands("a"), s.commands("b"))
	}
	s.happens("a.reserve-succeeded", "e-1", "o-1", map[string]string{"id": "r-1"})
	s.mustReconcile("x")
	s.expectState("charge", v1alpha1.StepRunning)
}

func TestTheSameDefinitionCanBeSwitchedToOrchestrated(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(observing("x"))
	orchestrated := observing("y")
	orchestrated.Spec.Definition.Mode = v1alpha1.ModeOrchestrated
	s.start(orchestrated)
	s.look()
	s.happens("a.reserve-succeeded", "e-1", "o-1", map[string]string{})
	s.mustReconcile("x")
	s.mustReconcile("y")
	s.expectState("reserve", v1alpha1.StepSucceeded)
	if st := stepNamed(t, s.get("y"), "reserve"); st.State != v1alpha1.StepRunning {
		t.Fatalf("an event has moved an orchestrated step: %s", st.State)
	}
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("y")
	if st := stepNamed(t, s.get("y"), "reserve"); st.State != v1alpha1.StepSucceeded {
		t.Fatalf("the step is %s", st.State)
	}
}
