package controllers

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// patient is twoSteps with attempts of 30 s.
func patient(name string) *v1alpha1.Saga {
	saga := twoSteps(name)
	for i := range saga.Spec.Definition.Steps {
		saga.Spec.Definition.Steps[i].Action.Timeout = &metav1.Duration{Duration: 30 * time.Second}
	}
	return saga
}

// pass lets time pass in steps of a second, with everybody at work.
func (s *sagas) pass(name string, d time.Duration) {
	s.t.Helper()
	for ; d > 0; d -= time.Second {
		s.now = s.now.Add(time.Second)
		s.mustReconcile(name)
		s.flush()
	}
}

func TestAnAnswerAfterTheTimeoutStillCompletesTheStep(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(patient("x"))
	s.mustReconcile("x")
	s.flush()
	s.pass("x", 40*time.Second)
	if got, want := s.commands("a"), []string{"reserve/forward/1/1", "reserve/forward/1/2"}; !slices.Equal(got, want) {
		t.Fatalf("a was asked %v, not %v", got, want)
	}
	first, err := wire.DecodeCommand(s.broker.to("a.commands")[0])
	if err != nil {
		t.Fatal(err)
	}
	s.deliver(s.replyTo(first, wire.Succeeded, nil))
	s.mustReconcile("x")
	if st := stepNamed(t, s.get("x"), "reserve"); st.State != v1alpha1.StepSucceeded {
		t.Fatalf("the step is %s", st.State)
	}
}

func TestAnOutageOfTheBrokerBurnsNoAttemptAndWritesNothing(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(patient("x"))
	s.broker.away = true
	s.mustReconcile("x")
	s.flush()
	before := s.get("x")
	s.replyLog.since = time.Time{}
	s.pass("x", 10*time.Minute)
	if after := s.get("x"); after.ResourceVersion != before.ResourceVersion {
		t.Fatalf("the saga was written during the outage: %+v", after.Status)
	}
	s.broker.away = false
	s.replyLog.since = s.now
	s.mustReconcile("x")
	s.flush()
	s.pass("x", 5*time.Second)
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	if got := s.commands("a"); !slices.Equal(got, []string{"reserve/forward/1/1"}) {
		t.Fatalf("a was asked %v", got)
	}
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseRunning {
		t.Fatalf("phase is %s", phase)
	}
}

func TestAnOutageAfterTheAcknowledgementRestartsTheAttemptsClock(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(patient("x"))
	s.mustReconcile("x")
	s.flush()
	s.pass("x", 20*time.Second)
	s.replyLog.since = time.Time{}
	s.pass("x", 10*time.Minute)
	s.replyLog.since = s.now
	s.pass("x", 29*time.Second)
	if st := stepNamed(t, s.get("x"), "reserve"); st.Action.Attempt != 1 || st.Action.Unanswered != 0 {
		t.Fatalf("an attempt was burned: %+v", st.Action)
	}
	s.pass("x", 2*time.Second)
	if st := stepNamed(t, s.get("x"), "reserve"); st.Action.Unanswered != 1 {
		t.Fatalf("silence was heard for 30 s and not noticed: %+v", st.Action)
	}
}

func TestADeadlineThatPassedUnheardIsJudgedAfterTheReplies(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := patient("x")
	saga.Spec.Definition.Deadline = &metav1.Duration{Duration: time.Minute}
	saga.Spec.Definition.Steps = saga.Spec.Definition.Steps[:1]
	s.create(saga)
	s.mustReconcile("x")
	s.flush()
	s.replyLog.since = time.Time{} // the answer is given, and cannot be read yet
	s.now = s.now.Add(10 * time.Minute)
	s.mustReconcile("x")
	s.replyLog.since = s.now
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseCompleted {
		t.Fatalf("phase is %s", phase)
	}
}

func TestAWaitingSagaIsVisitedWithoutBeingWritten(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(patient("x"))
	s.mustReconcile("x")
	s.flush()
	before := s.get("x").ResourceVersion
	for range 5 {
		s.restart()
		if result := s.mustReconcile("x"); result.RequeueAfter != 0 {
			t.Fatalf("polled after %s although the acknowledgement wakes it", result.RequeueAfter)
		}
		s.flush()
		if result := s.mustReconcile("x"); result.RequeueAfter < 29*time.Second {
			t.Fatalf("looked at again after %s, its attempt has 30 s", result.RequeueAfter)
		}
	}
	if after := s.get("x").ResourceVersion; after != before {
		t.Fatal("a restart wrote a waiting saga")
	}
}
