package controllers

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/simulate"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// vanish removes a saga the hard way: without its finalizer, as a restore or an impatient person does.
func (s *sagas) vanish(name string) {
	s.t.Helper()
	saga := s.get(name)
	saga.Finalizers = nil
	if err := s.api.Update(s.t.Context(), saga); err != nil {
		s.t.Fatal(err)
	}
	if err := s.api.Delete(s.t.Context(), saga); client.IgnoreNotFound(err) != nil {
		s.t.Fatal(err)
	}
}

// deadReasons says why each dead letter is one.
func (s *sagas) deadReasons() []string {
	var reasons []string
	for _, m := range s.broker.to("test.saga.deadletters") {
		reasons = append(reasons, header(m, wire.HeaderDeadReason))
	}
	return reasons
}

// start brings a saga to its first command.
func (s *sagas) start(saga *v1alpha1.Saga) {
	s.t.Helper()
	s.create(saga)
	s.mustReconcile(saga.Name)
	s.flush()
}

func TestARejectedSagaDoesNotHoldBackTheRepliesToItsPredecessor(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	s.vanish("x")
	s.mustReconcile("x")
	refused := twoSteps("x")
	refused.Spec.Params = raw(`[1]`)
	s.start(refused)
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	if got := s.deadReasons(); s.unsettled() != 0 || !slices.Equal(got, []string{wire.ReasonUnknownSaga}) {
		t.Fatalf("%d replies wait, dead letters %v", s.unsettled(), got)
	}
}

func TestASagaThatVanishedIsForgottenAndItsCommandsDoNotLeave(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.broker.away = true
	s.start(twoSteps("x"))
	uid := string(s.get("x").UID)
	s.vanish("x")
	s.mustReconcile("x")
	s.broker.away = false
	s.flush()
	if got := s.commands("a"); len(got) != 0 || s.outbox.Knows(uid, uid+"/reserve/forward/1/1", "a.commands") {
		t.Fatalf("a was asked %v by a saga that is gone", got)
	}
}

func TestASagaMadeAnewSilencesItsPredecessor(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.broker.away = true
	s.start(twoSteps("x"))
	s.vanish("x")
	s.start(twoSteps("x")) // nobody looked in between
	s.broker.away = false
	s.now = s.now.Add(10 * minute)
	s.flush()
	sent := s.broker.to("a.commands")
	if len(sent) != 1 || string(sent[0].Key) != string(s.get("x").UID) {
		t.Fatalf("%d commands were sent, not the new saga's alone", len(sent))
	}
}

func TestAMissingDeadLetterTopicDoesNotKeepASagaFromGoingOn(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	s.vanish("x")
	s.create(twoSteps("x"))
	s.answer("a", wire.Succeeded, nil) // to the one that vanished
	s.broker.no = map[string]bool{"test.saga.deadletters": true}
	if _, err := s.reconcile("x"); err == nil || s.unsettled() != 1 {
		t.Fatalf("error %v, %d replies wait: it must stay until it is kept", err, s.unsettled())
	}
	s.flush()
	if got := s.commands("a"); len(got) != 2 {
		t.Fatalf("a was asked %v: the new saga did not start", got)
	}
}

// refusing answers 422 to status writes that judge refuses.
func (s *sagas) refusing(judge func(*v1alpha1.Saga) bool) client.Client {
	return interceptor.NewClient(indexed{s.api}, interceptor.Funcs{
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if saga, ok := o.(*v1alpha1.Saga); ok && judge(saga) {
				return apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("Saga").GroupKind(), saga.Name, nil)
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	})
}

func TestAnOutputThatTheAPIServerRefusesFailsTheStepThatNeedsIt(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.Definition.Steps[1].Action.Input = raw(`{"id":"${steps['reserve'].output.id}"}`)
	s.start(saga)
	s.answer("a", wire.Succeeded, map[string]string{"id": "r-1"})
	s.cache = s.refusing(func(saga *v1alpha1.Saga) bool {
		return slices.ContainsFunc(saga.Status.Steps, func(st v1alpha1.StepStatus) bool { return st.Output != nil })
	})
	s.mustReconcile("x")
	s.flush()
	if got, want := s.commands("a"), []string{"reserve/forward/1/1", "reserve/backward/1/1"}; !slices.Equal(got, want) {
		t.Fatalf("a was asked %v, not %v; status %+v", got, want, s.get("x").Status)
	}
	if s.unsettled() != 0 {
		t.Fatal("the reply still waits")
	}
}

func TestAStatusThatIsRefusedAltogetherKeepsTheReplyAsADeadLetter(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	s.answer("a", wire.Succeeded, nil)
	s.cache = s.refusing(func(*v1alpha1.Saga) bool { return true })
	s.mustReconcile("x")
	s.flush()
	if got := s.deadReasons(); s.unsettled() != 0 || !slices.Equal(got, []string{wire.ReasonStatusRejected}) {
		t.Fatalf("%d replies wait, dead letters %v", s.unsettled(), got)
	}
	if got := s.commands("b"); len(got) != 0 {
		t.Fatalf("b was asked %v although nothing was stored", got)
	}
}

func TestAStatusThatIsRefusedThoughNoReplyIsToBlameIsTriedAgain(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.cache = s.refusing(func(*v1alpha1.Saga) bool { return true })
	if _, err := s.reconcile("x"); err == nil {
		t.Fatal("the saga would never be looked at again")
	}
}

func TestInputThatCannotBeRenderedAgainDoesNotStopASaga(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.Definition.Steps[1].Action.Input = raw(`{"id":"${steps['reserve'].output.id}"}`)
	s.start(saga)
	s.answer("a", wire.Succeeded, map[string]string{"id": "r-1"})
	s.mustReconcile("x")
	s.flush()
	broken := s.get("x")
	broken.Status.Steps[0].Output = nil // as if an older manager had stored it
	if err := s.api.Status().Update(t.Context(), broken); err != nil {
		t.Fatal(err)
	}
	s.answer("b", wire.Failed, nil)
	s.mustReconcile("x")
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseCompensating || s.unsettled() != 0 {
		t.Fatalf("phase is %s, %d replies wait", phase, s.unsettled())
	}
}

func TestAnEndedSagaIsNotWrittenBecauseItsParticipantsAreGone(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.Definition.Steps = saga.Spec.Definition.Steps[:1]
	s.start(saga)
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	s.flush()
	s.mustReconcile("x")
	before := s.get("x").ResourceVersion
	if err := s.api.DeleteAllOf(t.Context(), &v1alpha1.SagaParticipant{}, client.InNamespace(s.namespace)); err != nil {
		t.Fatal(err)
	}
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	if after := s.get("x"); after.ResourceVersion != before {
		t.Fatalf("an ended saga was written: %+v", after.Status.Conditions)
	}
	if s.unsettled() != 0 {
		t.Fatal("the repeated reply still waits")
	}
}

// strict refuses every expression, as a manager that has become stricter would.
type strict struct{ simulate.Greedy }

func (strict) Compile([]byte, engine.Scope) (engine.Template, error) {
	return nil, errors.New("no longer taken")
}

func TestARunningSagaThatNoLongerCompilesSaysSo(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	s.restart()
	s.r.Programs = program.NewCache(strict{})
	s.mustReconcile("x")
	ready := meta.FindStatusCondition(s.get("x").Status.Conditions, v1alpha1.ConditionReady)
	if ready.Reason != v1alpha1.ReasonSpecChanged {
		t.Fatalf("Ready says %s: %s", ready.Reason, ready.Message)
	}
}

func TestAnOrphanThatSomethingElseKeepsIsAnnouncedOnce(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.DeletionPolicy = v1alpha1.DeletionOrphan
	saga.Finalizers = []string{"example.org/keep"}
	s.start(saga)
	if err := s.api.Delete(t.Context(), s.get("x")); err != nil {
		t.Fatal(err)
	}
	recorder := events.NewFakeRecorder(10)
	s.r.Recorder = recorder
	s.mustReconcile("x")
	s.mustReconcile("x")
	if n := len(recorder.Events); n != 1 {
		t.Fatalf("%d events", n)
	}
	if text := <-recorder.Events; !strings.Contains(text, "reserve") {
		t.Fatalf("event %q", text)
	}
	left := s.get("x")
	left.Finalizers = nil
	if err := s.api.Update(t.Context(), left); err != nil {
		t.Fatal(err)
	}
}
