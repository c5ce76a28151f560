package controllers

import (
	"errors"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/replies"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

const minute = time.Minute

// queue gives the reconciler a queue, as its controller would.
func (s *sagas) queue() workqueue.TypedRateLimitingInterface[reconcile.Request] {
	s.t.Helper()
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	s.t.Cleanup(queue.ShutDown)
	if err := s.r.wakes.source().Start(s.t.Context(), queue); err != nil {
		s.t.Fatal(err)
	}
	return queue
}

// meanwhile lets something happen right after replies were gathered.
type meanwhile struct {
	*replies.Inbox
	then func()
}

func (m meanwhile) Gather(namespace, name string) (replies.Heard, []replies.Delivery) {
	heard, deliveries := m.Inbox.Gather(namespace, name)
	m.then()
	return heard, deliveries
}

func TestASagaThatIsDueWhileReadingComesBackIsLookedAtAgain(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(patient("x"))
	queue := s.queue()
	s.replyLog.since = time.Time{}
	s.now = s.now.Add(minute)
	s.r.Replies = meanwhile{s.inbox, func() {
		s.replyLog.since = s.now
		s.r.Readable() // before the visit has found out that it is deaf
	}}
	s.mustReconcile("x")
	if queue.Len() != 1 {
		t.Fatal("nobody will ever look at the saga's timer again")
	}
}

func TestASagaWaitsForTheReplyTopicToBeKnown(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	queue := s.queue()
	partition := s.r.Encoder.ReplyPartition
	s.replyLog.since = time.Time{}
	s.r.Encoder.ReplyPartition = func(string) (int32, error) { return 0, errors.New("not known yet") }
	s.r.Replies = meanwhile{s.inbox, s.r.Readable}
	s.mustReconcile("x")
	if queue.Len() != 1 {
		t.Fatal("its commands will never be sent")
	}
	s.r.Encoder.ReplyPartition, s.r.Replies = partition, s.inbox
	s.mustReconcile("x")
	s.flush()
	if got := s.commands("a"); !slices.Equal(got, []string{"reserve/forward/1/1"}) {
		t.Fatalf("a was asked %v", got)
	}
}

func TestADeafSagaThatVanishedIsNotRemembered(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(patient("x"))
	s.queue()
	s.replyLog.since = time.Time{}
	s.now = s.now.Add(minute)
	s.mustReconcile("x")
	if len(s.r.wakes.deaf) != 1 {
		t.Fatalf("%d sagas wait for replies to be readable", len(s.r.wakes.deaf))
	}
	s.vanish("x")
	s.mustReconcile("x")
	if n := len(s.r.wakes.deaf); n != 0 {
		t.Fatalf("%d sagas that are gone are remembered", n)
	}
}

func TestACommandFollowsItsParticipantToAnotherTopic(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.broker.no = map[string]bool{"a.commands": true}
	s.start(twoSteps("x"))
	participant := &v1alpha1.SagaParticipant{}
	if err := s.api.Get(t.Context(), s.key("a"), participant); err != nil {
		t.Fatal(err)
	}
	participant.Spec.Topics.Commands = "a2.commands"
	if err := s.api.Update(t.Context(), participant); err != nil {
		t.Fatal(err)
	}
	s.r.Client = s.cache
	want := reconcile.Request{NamespacedName: types.NamespacedName{Namespace: s.namespace, Name: "x"}}
	if got := s.r.unsentIn(t.Context(), participant); !slices.Contains(got, want) {
		t.Fatalf("a change of the participant wakes %v", got)
	}
	s.mustReconcile("x")
	s.flush()
	if got := s.commands("a2"); !slices.Equal(got, []string{"reserve/forward/1/1"}) {
		t.Fatalf("the new topic was sent %v", got)
	}
	s.mustReconcile("x")
	s.flush()
	if got := s.commands("a2"); len(got) != 1 {
		t.Fatalf("it was sent again: %v", got)
	}
}

func TestADueSagaIsNotPolledForAsLongAsNobodyCanHear(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(patient("x"))
	s.mustReconcile("x")
	due := s.now.Add(30 * time.Second)
	s.r.Replies = frozen{s.inbox, s.now} // fetching pauses, or a transaction stays open
	visits := 0
	for s.now = due; s.now.Before(due.Add(15 * minute)); visits++ {
		result := s.mustReconcile("x")
		if result.RequeueAfter <= 0 {
			t.Fatal("nobody looks again")
		}
		s.now = s.now.Add(result.RequeueAfter)
	}
	if visits > 50 {
		t.Fatalf("looked at %d times in a quarter of an hour", visits)
	}
	s.r.Replies = s.inbox
	s.mustReconcile("x")
	if st := stepNamed(t, s.get("x"), "reserve"); st.Action.Unanswered != 1 {
		t.Fatalf("silence was not noticed once it was heard: %+v", st.Action)
	}
}

// frozen is an inbox whose reader does not come forward.
type frozen struct {
	*replies.Inbox
	until time.Time
}

func (f frozen) Gather(namespace, name string) (replies.Heard, []replies.Delivery) {
	heard, deliveries := f.Inbox.Gather(namespace, name)
	heard.Until = f.until
	return heard, deliveries
}

func TestAWaitForAPersonIsAnnouncedOnceAlsoAfterARestart(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	saga.Spec.Definition.Steps[0].Compensation = nil
	saga.Spec.Definition.Steps[0].Recovery = v1alpha1.RecoveryRetriable
	saga.Spec.Definition.Steps = saga.Spec.Definition.Steps[:1]
	s.start(saga)
	s.answer("a", wire.Failed, nil)
	s.mustReconcile("x")
	s.restart() // stored, not announced
	s.mustReconcile("x")
	s.flush()
	s.mustReconcile("x")
	for range 3 {
		s.restart()
		s.mustReconcile("x")
		s.flush()
	}
	if n := len(s.broker.to("test.saga.outcomes")); n != 1 {
		t.Fatalf("announced %d times", n)
	}
	if phase := s.get("x").Status.Phase; phase != v1alpha1.PhaseNeedsIntervention {
		t.Fatalf("phase is %s", phase)
	}
}
