package controllers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// G1: when a command reaches the broker, the API server already has the status that records it.
func TestNoCommandLeavesBeforeTheStatusThatRecordsIt(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	checked := 0
	s.broker.before = func(m wire.Message) {
		c, err := wire.DecodeCommand(m)
		if err != nil {
			return // an event
		}
		checked++
		step := stepNamed(t, s.get("x"), c.Step)
		x := step.Action
		if c.Direction == wire.Backward {
			x = step.Compensation
		}
		if x == nil || x.Round != c.Round || x.Attempt < c.Attempt {
			t.Errorf("%s/%s was sent while the stored status says %+v", c.Step, c.Direction, x)
		}
	}
	s.mustReconcile("x")
	s.flush()
	s.answer("a", wire.Succeeded, nil)
	s.mustReconcile("x")
	s.flush()
	s.answer("b", wire.Failed, nil)
	s.mustReconcile("x")
	s.flush()
	if checked != 3 {
		t.Fatalf("%d commands were sent, not 3", checked)
	}
}

func stepNamed(t *testing.T, saga *v1alpha1.Saga, name string) v1alpha1.StepStatus {
	t.Helper()
	for _, st := range saga.Status.Steps {
		if st.Name == name {
			return st
		}
	}
	return v1alpha1.StepStatus{}
}

// G1, the other half: a decision that could not be stored sends nothing.
func TestADecisionThatIsNotStoredSendsNothing(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.cache = &faulty{indexed: indexed{s.api}, refuse: true}
	if _, err := s.reconcile("x"); !errors.Is(err, errBroken) {
		t.Fatalf("error is %v", err)
	}
	s.flush()
	if sent := s.commands("a"); len(sent) != 0 {
		t.Fatalf("%v was sent", sent)
	}
}

// faulty breaks the writing of status: before it happens, or after, so that only the response is lost.
type faulty struct {
	indexed
	refuse bool
	lose   bool
}

var errBroken = errors.New("the connection broke")

func (f *faulty) Status() client.SubResourceWriter { return faultyStatus{f.indexed.Status(), f} }

type faultyStatus struct {
	client.SubResourceWriter
	f *faulty
}

func (w faultyStatus) Update(ctx context.Context, o client.Object, opts ...client.SubResourceUpdateOption) error {
	if w.f.refuse {
		return errBroken
	}
	err := w.SubResourceWriter.Update(ctx, o.DeepCopyObject().(client.Object), opts...)
	if w.f.lose && err == nil {
		return errBroken
	}
	return err
}

func TestAStopBetweenStoreAndSendLosesNoCommand(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x") // stored; the process ends before it sends
	s.restart()
	s.mustReconcile("x")
	s.flush()
	if got := s.commands("a"); !slices.Equal(got, []string{"reserve/forward/1/1"}) {
		t.Fatalf("after the restart a was asked %v", got)
	}
}

func TestAStatusWriteWhoseResponseIsLostLosesNoCommand(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.cache = &faulty{indexed: indexed{s.api}, lose: true}
	if _, err := s.reconcile("x"); !errors.Is(err, errBroken) {
		t.Fatalf("error is %v", err)
	}
	s.cache = indexed{s.api}
	s.mustReconcile("x")
	s.flush()
	if got := s.commands("a"); !slices.Equal(got, []string{"reserve/forward/1/1"}) {
		t.Fatalf("a was asked %v", got)
	}
}

func TestAStopBetweenSendAndAcknowledgementRepeatsTheSameBytes(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	s.now = s.now.Add(5 * time.Second)
	s.restart()
	s.mustReconcile("x")
	s.flush()
	sent := s.broker.to("a.commands")
	if len(sent) != 2 {
		t.Fatalf("%d commands were sent, not the same one twice", len(sent))
	}
	if string(sent[0].Value) != string(sent[1].Value) || string(sent[0].Key) != string(sent[1].Key) || !sameHeaders(sent[0], sent[1]) {
		t.Fatalf("the same id carries other bytes:\n%s\n%s", sent[0].Headers, sent[1].Headers)
	}
}

func sameHeaders(a, b wire.Message) bool {
	return slices.EqualFunc(a.Headers, b.Headers, func(x, y wire.Header) bool { return x.Key == y.Key && string(x.Value) == string(y.Value) })
}

// G3: a reply stays unsettled, and so uncommitted, until the status that contains it is stored.
func TestAReplyIsSettledOnlyOnceItsStatusIsStored(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	s.answer("a", wire.Succeeded, nil)
	s.cache = &faulty{indexed: indexed{s.api}, refuse: true}
	if _, err := s.reconcile("x"); !errors.Is(err, errBroken) {
		t.Fatalf("error is %v", err)
	}
	if s.unsettled() != 1 {
		t.Fatal("the reply was settled although nothing was stored")
	}
	s.cache = indexed{s.api}
	s.mustReconcile("x")
	if s.unsettled() != 0 {
		t.Fatal("the reply stays although its status is stored")
	}
	if st := stepNamed(t, s.get("x"), "reserve"); st.State != v1alpha1.StepSucceeded {
		t.Fatalf("the step is %s", st.State)
	}
}

// stale answers reads of sagas with an old copy.
type stale struct {
	indexed
	old *v1alpha1.Saga
}

func (c stale) Get(ctx context.Context, key types.NamespacedName, o client.Object, opts ...client.GetOption) error {
	if saga, ok := o.(*v1alpha1.Saga); ok && key.Name == c.old.Name {
		c.old.DeepCopyInto(saga)
		return nil
	}
	return c.indexed.Get(ctx, key, o, opts...)
}

// G3: a new leader whose cache has not seen the last command yet must not drop the answer to it.
func TestAnOldCacheDropsNoReply(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	old := s.get("x") // before the start
	s.mustReconcile("x")
	s.flush()
	s.restart()
	s.answer("a", wire.Succeeded, nil)
	s.cache = stale{indexed: indexed{s.api}, old: old}
	s.mustReconcile("x")
	if st := stepNamed(t, s.get("x"), "reserve"); st.State != v1alpha1.StepSucceeded {
		t.Fatalf("the step is %s: the reply was lost", st.State)
	}
	if dead := s.broker.to("test.saga.deadletters"); len(dead) != 0 {
		t.Fatalf("%d dead letters", len(dead))
	}
}

// G2: a decision on an old copy dies at the API server; it sends nothing of its own.
func TestADecisionOnAnOldCopyChangesNothing(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	old := s.get("x")
	s.answer("a", wire.Failed, nil)
	s.mustReconcile("x")
	s.flush()
	before := s.get("x")
	s.restart()
	s.cache = stale{indexed: indexed{s.api}, old: old}
	s.now = s.now.Add(time.Hour)
	s.mustReconcile("x")
	s.flush()
	after := s.get("x")
	if before.ResourceVersion != after.ResourceVersion {
		t.Fatal("an old copy was decided on and stored")
	}
	if got := s.commands("a"); !slices.Equal(slices.Compact(got), []string{"reserve/forward/1/1"}) {
		t.Fatalf("a was asked %v", got)
	}
}

func TestAReplyForAnUnknownSagaIsKeptAsADeadLetter(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	saga := s.get("x")
	saga.Finalizers = nil
	if err := s.api.Update(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
	if err := s.api.Delete(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
	s.answer("a", wire.Succeeded, nil)
	s.broker.away = true
	if _, err := s.reconcile("x"); err == nil {
		t.Fatal("no error although the dead letter could not be kept")
	}
	if s.unsettled() != 1 {
		t.Fatal("the reply was settled before the broker had the dead letter")
	}
	s.broker.away = false
	s.mustReconcile("x")
	dead := s.broker.to("test.saga.deadletters")
	if len(dead) != 1 || s.unsettled() != 0 {
		t.Fatalf("%d dead letters, %d unsettled", len(dead), s.unsettled())
	}
	if reason := header(dead[0], wire.HeaderDeadReason); reason != wire.ReasonUnknownSaga {
		t.Fatalf("reason is %q", reason)
	}
}

func header(m wire.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

func TestAReplyThatAnswersNothingIsKeptAsADeadLetter(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.create(twoSteps("x"))
	s.mustReconcile("x")
	s.flush()
	c, err := wire.DecodeCommand(s.broker.to("a.commands")[0])
	if err != nil {
		t.Fatal(err)
	}
	c.Attempt = 7
	c.ReplyToken = s.keys.Token(c)
	s.deliver(s.replyTo(c, wire.Succeeded, nil))
	s.mustReconcile("x")
	dead := s.broker.to("test.saga.deadletters")
	if len(dead) != 1 || header(dead[0], wire.HeaderDeadReason) != wire.ReasonNotAsked {
		t.Fatalf("dead letters: %v", dead)
	}
}
