package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// keyed is a saga of two steps, kept apart from others with the same order.
func keyed(name string, policy v1alpha1.ConcurrencyPolicy) *v1alpha1.Saga {
	saga := twoSteps(name)
	saga.Spec.Definition.Concurrency = &v1alpha1.Concurrency{Key: "order-${params.orderId}", Policy: policy}
	return saga
}

// atMost makes at most that many sagas of its definition run.
func atMost(n int32, saga *v1alpha1.Saga) *v1alpha1.Saga {
	saga.Spec.Definition.MaxActive = ptr.To(n)
	return saga
}

// about makes the saga one of another order.
func about(order string, saga *v1alpha1.Saga) *v1alpha1.Saga {
	saga.Spec.Params = raw(`{"orderId":%q}`, order)
	return saga
}

// accepted is condition Accepted of a saga.
func (s *sagas) accepted(name string) (reason, message string) {
	s.t.Helper()
	c := meta.FindStatusCondition(s.get(name).Status.Conditions, v1alpha1.ConditionAccepted)
	return c.Reason, c.Message
}

func (s *sagas) expectQueued(name, message string) {
	s.t.Helper()
	saga := s.get(name)
	reason, told := s.accepted(name)
	if reason != v1alpha1.ReasonQueued || told != message || saga.Status.Phase != v1alpha1.PhasePending || hasFinalizer(saga) {
		s.t.Fatalf("%s: phase %s, reason %s, message %q; want it Pending, Queued, %q", name, saga.Status.Phase, reason, told, message)
	}
	if want := strings.TrimPrefix(message, "Waiting for "); saga.Status.WaitingFor != want {
		s.t.Fatalf("%s waits for %q, not %q", name, saga.Status.WaitingFor, want)
	}
}

func (s *sagas) expectPhase(name string, phase v1alpha1.SagaPhase) {
	s.t.Helper()
	if got := s.get(name).Status.Phase; got != phase {
		reason, message := s.accepted(name)
		s.t.Fatalf("%s is %s, not %s (%s: %s)", name, got, phase, reason, message)
	}
}

// answerTo answers the last command that a participant got from a saga, and looks at the saga.
func (s *sagas) answerTo(name, participant string, outcome wire.Outcome) {
	s.t.Helper()
	s.flush()
	sent := s.broker.to(participant + ".commands")
	for i := len(sent) - 1; i >= 0; i-- {
		if c, err := wire.DecodeCommand(sent[i]); err == nil && c.Saga.Name == name {
			s.deliver(s.replyTo(c, outcome, nil))
			s.mustReconcile(name)
			s.flush()
			return
		}
	}
	s.t.Fatalf("%s was asked nothing by %s", participant, name)
}

// complete answers all that a saga of two steps asks.
func (s *sagas) complete(name string) {
	s.t.Helper()
	s.answerTo(name, "a", wire.Succeeded)
	s.answerTo(name, "b", wire.Succeeded)
	s.expectPhase(name, v1alpha1.PhaseCompleted)
}

func TestASagaWaitsForTheOneWithItsKey(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	for _, name := range []string{"x1", "x2", "x3"} {
		s.start(keyed(name, v1alpha1.ConcurrencyQueue))
	}
	s.start(about("o-2", keyed("other", v1alpha1.ConcurrencyQueue)))
	s.expectPhase("x1", v1alpha1.PhaseRunning)
	s.expectPhase("other", v1alpha1.PhaseRunning)
	if key := s.get("x1").Status.ConcurrencyKey; key != "order-o-1" {
		t.Errorf("its key is %q", key)
	}
	s.expectQueued("x2", `Waiting for saga "x1", which has the concurrency key "order-o-1"`)
	s.expectQueued("x3", `Waiting for saga "x1", which has the concurrency key "order-o-1"`)

	s.complete("x1") // its end is not announced yet: it is enough that it has ended
	s.mustReconcile("x3")
	s.expectQueued("x3", `Waiting for saga "x2", which has the concurrency key "order-o-1"`)
	s.mustReconcile("x2")
	s.mustReconcile("x3")
	s.expectPhase("x2", v1alpha1.PhaseRunning)
	s.expectQueued("x3", `Waiting for saga "x2", which has the concurrency key "order-o-1"`)
}

func TestAQueuedSagaCostsOneWrite(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(keyed("x1", v1alpha1.ConcurrencyQueue))
	s.start(keyed("x2", v1alpha1.ConcurrencyQueue))
	before := s.get("x2").ResourceVersion
	for range 3 {
		s.mustReconcile("x2")
	}
	s.restart()
	s.mustReconcile("x2")
	if after := s.get("x2").ResourceVersion; after != before {
		t.Errorf("it was written again: %s, then %s", before, after)
	}
}

func TestASagaIsRejectedWhileAnotherWithItsKeyRuns(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(keyed("x1", v1alpha1.ConcurrencyReject))
	s.start(keyed("x2", v1alpha1.ConcurrencyReject))
	s.expectPhase("x2", v1alpha1.PhaseRejected)
	if reason, message := s.accepted("x2"); reason != v1alpha1.ReasonConcurrencyRejected || message != `saga "x1" has the concurrency key "order-o-1" and is running` {
		t.Errorf("reason %s, message %q", reason, message)
	}
	s.complete("x1")
	s.start(keyed("x3", v1alpha1.ConcurrencyReject))
	s.expectPhase("x3", v1alpha1.PhaseRunning)
	s.expectPhase("x2", v1alpha1.PhaseRejected)
}

func TestAnOldCacheRejectsNoSaga(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(keyed("x1", v1alpha1.ConcurrencyReject))
	old := s.get("x1")
	s.complete("x1")
	s.cache = showing{indexed{s.api}, old}
	s.start(keyed("x2", v1alpha1.ConcurrencyReject))
	s.expectQueued("x2", `Waiting for saga "x1", which has the concurrency key "order-o-1"`)
	s.cache = indexed{s.api}
	s.mustReconcile("x2")
	s.expectPhase("x2", v1alpha1.PhaseRunning)
}

func TestANewSagaAbortsTheOneThatRuns(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(keyed("x1", v1alpha1.ConcurrencyAbortRunning))
	s.answerTo("x1", "a", wire.Succeeded)
	s.start(keyed("x2", v1alpha1.ConcurrencyAbortRunning))
	s.expectQueued("x2", `Waiting for saga "x1", which has the concurrency key "order-o-1"`)
	s.mustReconcile("x1")
	s.answerTo("x1", "b", wire.Succeeded) // it was in flight
	s.answerTo("x1", "b", wire.Succeeded) // refund
	s.answerTo("x1", "a", wire.Succeeded) // release
	s.expectPhase("x1", v1alpha1.PhaseCompensated)
	why := `saga "x2", which has its concurrency key, takes its place`
	if cause := s.get("x1").Status.Cause; cause.Reason != v1alpha1.ReasonAborted || cause.Message != why {
		t.Errorf("its cause is %+v", cause)
	}
	if c := meta.FindStatusCondition(s.get("x1").Status.Conditions, v1alpha1.ConditionStalled); c.Message != "Everything is undone: "+why {
		t.Errorf("it says %q", c.Message)
	}
	s.mustReconcile("x2")
	s.expectPhase("x2", v1alpha1.PhaseRunning)
}

func TestASagaBeyondItsPivotIsFinishedFirst(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	beyond := func(name string) *v1alpha1.Saga {
		saga := keyed(name, v1alpha1.ConcurrencyAbortRunning)
		steps := saga.Spec.Definition.Steps
		steps[1].Recovery, steps[1].Compensation = v1alpha1.RecoveryPivot, nil
		saga.Spec.Definition.Steps = append(steps, v1alpha1.Step{
			Name: "ship", Participant: "a", Recovery: v1alpha1.RecoveryRetriable, Action: &v1alpha1.Action{Command: "ship"},
		})
		return saga
	}
	s.start(beyond("x1"))
	s.answerTo("x1", "a", wire.Succeeded)
	s.answerTo("x1", "b", wire.Succeeded) // the pivot
	s.start(beyond("x2"))
	s.mustReconcile("x1")
	s.expectQueued("x2", `Waiting for saga "x1", which has the concurrency key "order-o-1"`)
	s.answerTo("x1", "a", wire.Succeeded)
	s.expectPhase("x1", v1alpha1.PhaseCompleted)
	s.mustReconcile("x2")
	s.expectPhase("x2", v1alpha1.PhaseRunning)
}

func TestOfSeveralThatWouldAbortOnlyTheNewestSendsAnything(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	for _, name := range []string{"x1", "x2", "x3"} {
		s.start(keyed(name, v1alpha1.ConcurrencyAbortRunning))
	}
	s.mustReconcile("x1")
	s.answerTo("x1", "a", wire.Failed)
	s.expectPhase("x1", v1alpha1.PhaseCompensated)
	sent := len(s.broker.to("a.commands"))
	s.mustReconcile("x2")
	s.flush()
	s.expectPhase("x2", v1alpha1.PhaseCompensated)
	if n := len(s.broker.to("a.commands")); n != sent {
		t.Errorf("x2 has sent %d commands, although x3 was to run in its place", n-sent)
	}
	s.mustReconcile("x3")
	s.expectPhase("x3", v1alpha1.PhaseRunning)
}

func TestNoMoreSagasRunThanMayAndTheOldestComesFirst(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	for i := range 4 {
		saga := atMost(2, twoSteps(fmt.Sprintf("x%d", i)))
		s.start(saga)
	}
	s.expectPhase("x1", v1alpha1.PhaseRunning)
	for _, name := range []string{"x2", "x3"} {
		s.expectQueued(name, "Waiting for one of 2 active sagas of its own definition to end (maxActive 2)")
	}
	s.complete("x0")
	s.mustReconcile("x3")
	if reason, _ := s.accepted("x3"); reason != v1alpha1.ReasonQueued {
		t.Errorf("x3 has overtaken x2")
	}
	s.mustReconcile("x2")
	s.expectPhase("x2", v1alpha1.PhaseRunning)
}

func TestASagaThatWaitsForItsKeyHoldsBackNoOtherKey(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(atMost(2, keyed("x1", v1alpha1.ConcurrencyQueue)))
	s.start(atMost(2, keyed("x2", v1alpha1.ConcurrencyQueue)))
	s.start(about("o-2", atMost(2, keyed("y", v1alpha1.ConcurrencyQueue))))
	s.expectPhase("y", v1alpha1.PhaseRunning)
	s.start(about("o-3", atMost(2, keyed("z", v1alpha1.ConcurrencyQueue))))
	s.expectQueued("z", "Waiting for one of 2 active sagas of its own definition to end (maxActive 2)")
}

func TestASuspendedSagaLetsOthersGoFirst(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	held := keyed("x1", v1alpha1.ConcurrencyQueue)
	held.Spec.Suspend = true
	s.start(held)
	s.expectQueued("x1", "Waiting for spec.suspend to be lifted: only then it takes its turn")
	s.start(keyed("x2", v1alpha1.ConcurrencyQueue))
	s.expectPhase("x2", v1alpha1.PhaseRunning)
	saga := s.get("x1")
	saga.Spec.Suspend = false
	if err := s.api.Update(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
	s.mustReconcile("x1")
	s.expectQueued("x1", `Waiting for saga "x2", which has the concurrency key "order-o-1"`)
}

func TestAQueuedSagaThatIsDeletedIsGoneAtOnce(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(keyed("x1", v1alpha1.ConcurrencyQueue))
	s.start(keyed("x2", v1alpha1.ConcurrencyQueue))
	if err := s.api.Delete(t.Context(), s.get("x2")); err != nil {
		t.Fatal(err)
	}
	if err := s.api.Get(t.Context(), s.key("x2"), &v1alpha1.Saga{}); err == nil {
		t.Error("it is still there")
	}
}

func TestAKeyThatCannotBeWrittenRejectsTheSaga(t *testing.T) {
	for name, c := range map[string]struct{ key, params, message string }{
		"a parameter that is missing": {"${params.customer}", `{}`, "concurrency.key of the definition: "},
		"an empty key":                {"${params.customer}", `{"customer":""}`, "concurrency.key of the definition is empty once rendered"},
		"a key beyond its bound": {
			"c-${params.customer}", fmt.Sprintf(`{"customer":%q}`, strings.Repeat("a", 252)),
			"concurrency.key of the definition has 254 bytes once rendered, at most 253 are taken",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b")
			saga := keyed("x", v1alpha1.ConcurrencyQueue)
			saga.Spec.Definition.Concurrency.Key, saga.Spec.Params = c.key, raw("%s", c.params)
			saga.Spec.Definition.Steps[0].Action.Input = nil
			s.start(saga)
			s.expectPhase("x", v1alpha1.PhaseRejected)
			if reason, message := s.accepted("x"); reason != v1alpha1.ReasonInvalidParameters || !strings.Contains(message, c.message) {
				t.Errorf("reason %s, message %q", reason, message)
			}
		})
	}
}

func TestAKeyThatDoesNotCompileRejectsTheSaga(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := keyed("x", v1alpha1.ConcurrencyQueue)
	saga.Spec.Definition.Concurrency.Key = "${steps['reserve'].output.id}"
	s.start(saga)
	if reason, message := s.accepted("x"); reason != v1alpha1.ReasonInvalidExpression || !strings.Contains(message, "concurrency.key") {
		t.Errorf("reason %s, message %q", reason, message)
	}
}

func TestALeadersLastStartIsSeenThoughTheCacheIsLate(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(keyed("x1", v1alpha1.ConcurrencyQueue))
	old := s.get("x1")
	s.mustReconcile("x1")
	s.restart() // another leader, whose cache does not know yet that x1 has started
	s.cache = showing{indexed{s.api}, old}
	s.start(keyed("x2", v1alpha1.ConcurrencyQueue))
	s.expectQueued("x2", `Waiting for saga "x1", which has the concurrency key "order-o-1"`)
}

func TestATurnThatCannotBeTakenIsGivenBack(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(keyed("x1", v1alpha1.ConcurrencyQueue))
	s.cache = s.refusing(func(saga *v1alpha1.Saga) bool { return saga.Status.StartTime != nil })
	if _, err := s.reconcile("x1"); err == nil {
		t.Fatal("its start was stored")
	}
	s.cache = indexed{s.api}
	queue := s.queue()
	s.start(keyed("x2", v1alpha1.ConcurrencyQueue))
	s.expectQueued("x2", `Waiting for saga "x1", which has the concurrency key "order-o-1"`)
	participant := &v1alpha1.SagaParticipant{}
	if err := s.api.Get(t.Context(), s.key("a"), participant); err != nil {
		t.Fatal(err)
	}
	if err := s.api.Delete(t.Context(), participant); err != nil {
		t.Fatal(err)
	}
	s.mustReconcile("x1") // has to wait for its participant now
	request, _ := queue.Get()
	if request.Name != "x2" || len(s.r.turns.claims) != 0 {
		t.Errorf("%s is woken, %d claims are left; want x2 to be, and none", request.Name, len(s.r.turns.claims))
	}
}

func TestPlacesFollowFromWhatIsStored(t *testing.T) {
	saga := keyed("x", v1alpha1.ConcurrencyQueue)
	saga.Status.ConcurrencyKey = "k"
	if p := placeOf(saga); p != (place{}) {
		t.Errorf("a saga that nobody has looked at is at %+v", p)
	}
	saga.Status.Conditions = append(saga.Status.Conditions, conditionAccepted(v1alpha1.ReasonQueued))
	group := groupOf(saga)
	if got, want := indexByPlace(saga), []string{"queued\x00" + group + "\x00", "queued\x00" + group + "\x00k"}; !slices.Equal(got, want) {
		t.Errorf("indexed as %q, not %q", got, want)
	}
	if other := groupOf(atMost(1, keyed("y", v1alpha1.ConcurrencyQueue))); other == group || group == "" {
		t.Errorf("groups %q and %q of different definitions", other, group)
	}
}

func conditionAccepted(reason string) metav1.Condition {
	return metav1.Condition{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionUnknown, Reason: reason}
}

// showing is a cache that still shows an old copy of one saga.
type showing struct {
	indexed
	old *v1alpha1.Saga
}

func (c showing) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if saga, ok := o.(*v1alpha1.Saga); ok && key.Name == c.old.Name {
		c.old.DeepCopyInto(saga)
		return nil
	}
	return c.indexed.Get(ctx, key, o, opts...)
}

func (c showing) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if err := c.indexed.List(ctx, list, opts...); err != nil {
		return err
	}
	if sagas, ok := list.(*v1alpha1.SagaList); ok {
		sagas.Items = slices.DeleteFunc(sagas.Items, func(saga v1alpha1.Saga) bool { return saga.Name == c.old.Name })
		sagas.Items = append(sagas.Items, *c.old.DeepCopy())
	}
	return nil
}
