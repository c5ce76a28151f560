package controllers

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	recorder "k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/outbound"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/replies"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// sagas is a namespace on a real API server with a saga reconciler that is called by hand, a broker that only remembers, and
// a clock that only the test moves. restart forgets all that a process would.
type sagas struct {
	t         *testing.T
	api       client.WithWatch // the API server itself
	cache     client.Client    // what the reconciler reads and writes through; a test may put a stale or broken one here
	namespace string
	now       time.Time
	broker    *broker
	inbox     *replies.Inbox
	outbox    *dispatch.Outbox
	keys      *wire.Keyring
	replyLog  *replyLog
	hub       *events.Hub
	published map[string]*eventTopic
	offset    int64
	r         *SagaReconciler
}

// broker remembers what was sent, and acknowledges unless it is away.
type broker struct {
	mu     sync.Mutex
	away   bool
	no     map[string]bool // topics that do not exist
	sent   []wire.Message
	before func(wire.Message) // called before each message is taken
}

func (b *broker) Send(_ context.Context, messages []wire.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return errAway
	}
	failed := map[int]error{}
	for i, m := range messages {
		if b.no[m.Topic] {
			failed[i] = kafka.ErrTopicMissing
			continue
		}
		if b.before != nil {
			b.before(m)
		}
		b.sent = append(b.sent, m)
	}
	if len(failed) > 0 {
		return &kafka.SendError{Failed: failed}
	}
	return nil
}

// to returns what was sent to a topic.
func (b *broker) to(topic string) []wire.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	var messages []wire.Message
	for _, m := range b.sent {
		if m.Topic == topic {
			messages = append(messages, m)
		}
	}
	return messages
}

type awayError struct{}

func (awayError) Error() string { return "the broker is away" }

var errAway = awayError{}

// log is the reply topic: it is always read to its end, and remembers what may be committed.
type replyLog struct {
	s         *sagas
	committed map[int32]int64
	since     time.Time // zero: cannot be read now
}

func (l *replyLog) Commit(partition int32, position int64) { l.committed[partition] = position }
func (l *replyLog) Pause()                                 {}
func (l *replyLog) Resume()                                {}
func (l *replyLog) HeardUntil() time.Time                  { return l.s.now }
func (l *replyLog) ReadableSince() (time.Time, bool)       { return l.since, !l.since.IsZero() }

func newSagas(t *testing.T) *sagas {
	t.Helper()
	plane := controlplane.ForTest(t)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, clientgoscheme.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	api, err := client.NewWithWatch(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := wire.NewKeyring([]byte("0123456789abcdef0123456789abcdef"), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := &sagas{
		t: t, api: api, namespace: plane.Namespace(t), keys: keys, broker: &broker{},
		published: map[string]*eventTopic{}, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
	}
	s.restart()
	return s
}

// restart makes everything that lives in the manager's memory anew; the unsettled replies are read again.
func (s *sagas) restart() {
	s.t.Helper()
	expressions, err := expr.New()
	if err != nil {
		s.t.Fatal(err)
	}
	ready := make(chan struct{})
	close(ready)
	s.replyLog = &replyLog{s: s, committed: map[int32]int64{}, since: s.now}
	s.inbox = replies.New(replies.Config{Installation: "test", Keys: s.keys, Sender: s.broker, Now: s.clock})
	s.inbox.Attach(s.replyLog)
	s.outbox = dispatch.NewOutbox(dispatch.Options{Producer: s.broker, Now: s.clock, Ready: ready})
	s.cache = indexed{s.api}
	s.makeHub()
	s.r = &SagaReconciler{
		APIReader: s.api, Recorder: recorder.NewFakeRecorder(100), Now: s.clock, Programs: program.NewCache(expressions),
		Outbox: s.outbox, Replies: s.inbox, Events: s.hub, EventKeys: NewEventKeys(expressions), Permitted: topicpolicy.AllowAll(),
		Encoder: outbound.Encoder{Installation: "test", Keys: s.keys, ReplyPartition: func(string) (int32, error) { return 0, nil }},
	}
}

func (s *sagas) clock() time.Time { return s.now }

// indexed answers lists by the cache's indexes with everything that is unfinished, but for what has another idempotency key.
type indexed struct{ client.WithWatch }

func (c indexed) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	var kept []client.ListOption
	key := ""
	for _, o := range opts {
		if fields, ok := o.(client.MatchingFields); ok {
			key = fields[indexKey]
			continue
		}
		kept = append(kept, o)
	}
	if err := c.WithWatch.List(ctx, list, kept...); err != nil {
		return err
	}
	if l, ok := list.(*v1alpha1.SagaList); ok {
		unfinished := l.Items[:0]
		for _, saga := range l.Items {
			if !final(saga.Status.Phase) && (key == "" || keyOf(&saga) == key) {
				unfinished = append(unfinished, saga)
			}
		}
		l.Items = unfinished
	}
	return nil
}

// reconcile visits the saga once, and then sends what the outbox has.
func (s *sagas) reconcile(name string) (ctrl.Result, error) {
	s.t.Helper()
	s.r.Client = s.cache
	result, err := s.r.Reconcile(s.t.Context(), ctrl.Request{NamespacedName: types.NamespacedName{Namespace: s.namespace, Name: name}})
	return result, err
}

func (s *sagas) mustReconcile(name string) ctrl.Result {
	s.t.Helper()
	result, err := s.reconcile(name)
	if err != nil {
		s.t.Fatalf("reconciling %s: %v", name, err)
	}
	return result
}

// flush sends all that the outbox holds.
func (s *sagas) flush() { s.outbox.Flush(s.t.Context()) }

func (s *sagas) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: s.namespace, Name: name}
}

func (s *sagas) get(name string) *v1alpha1.Saga {
	s.t.Helper()
	saga := &v1alpha1.Saga{}
	if err := s.api.Get(s.t.Context(), types.NamespacedName{Namespace: s.namespace, Name: name}, saga); err != nil {
		s.t.Fatal(err)
	}
	return saga
}

func (s *sagas) create(o client.Object) {
	s.t.Helper()
	o.SetNamespace(s.namespace)
	if err := s.api.Create(s.t.Context(), o); err != nil {
		s.t.Fatal(err)
	}
}

// shop makes participants a and b.
func (s *sagas) participants(names ...string) {
	for _, name := range names {
		s.create(&v1alpha1.SagaParticipant{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: name + ".commands", Events: name + ".events"}},
		})
	}
}

// twoSteps is a saga that reserves at a, which can be released, and then charges at b.
func twoSteps(name string) *v1alpha1.Saga {
	return &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: v1alpha1.SagaSpec{
			Params: &runtime.RawExtension{Raw: []byte(`{"orderId":"o-1"}`)},
			Definition: &v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{{
				Name: "reserve", Participant: "a",
				Action:       &v1alpha1.Action{Command: "reserve", Input: &runtime.RawExtension{Raw: []byte(`{"orderId":"${params.orderId}"}`)}},
				Compensation: &v1alpha1.Compensation{Command: "release"},
			}, {
				Name: "charge", Participant: "b",
				Action:       &v1alpha1.Action{Command: "charge"},
				Compensation: &v1alpha1.Compensation{Command: "refund"},
			}}},
		},
	}
}

// commands returns the ids of the commands that were sent to a participant.
func (s *sagas) commands(participant string) []string {
	s.t.Helper()
	var ids []string
	for _, m := range s.broker.to(participant + ".commands") {
		c, err := wire.DecodeCommand(m)
		if err != nil {
			s.t.Fatal(err)
		}
		ids = append(ids, c.Step+"/"+string(c.Direction)+"/"+itoa(c.Round)+"/"+itoa(c.Attempt))
	}
	return ids
}

func itoa(n int32) string { return strconv.Itoa(int(n)) }

// answer puts an answer to the last command of a participant into the reply topic.
func (s *sagas) answer(participant string, outcome wire.Outcome, body any) {
	s.t.Helper()
	sent := s.broker.to(participant + ".commands")
	if len(sent) == 0 {
		s.t.Fatalf("%s was asked nothing", participant)
	}
	c, err := wire.DecodeCommand(sent[len(sent)-1])
	if err != nil {
		s.t.Fatal(err)
	}
	s.deliver(s.replyTo(c, outcome, body))
}

func (s *sagas) replyTo(c wire.Command, outcome wire.Outcome, body any) wire.Reply {
	s.t.Helper()
	reply := wire.ReplyTo(c)
	reply.Outcome, reply.ID, reply.Source, reply.Time = outcome, "r", "/test", s.now
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			s.t.Fatal(err)
		}
		reply.Body = raw
	}
	return reply
}

// answerRaw is answer with a body that an honest participant could not send.
func (s *sagas) answerRaw(participant string, outcome wire.Outcome, body any) {
	s.t.Helper()
	sent := s.broker.to(participant + ".commands")
	c, err := wire.DecodeCommand(sent[len(sent)-1])
	if err != nil {
		s.t.Fatal(err)
	}
	m, err := wire.EncodeReply(s.replyTo(c, outcome, nil), "test.saga.replies", 0)
	if err != nil {
		s.t.Fatal(err)
	}
	if m.Value, err = json.Marshal(body); err != nil {
		s.t.Fatal(err)
	}
	s.deliverMessage(m)
}

func (s *sagas) deliver(reply wire.Reply) {
	s.t.Helper()
	m, err := wire.EncodeReply(reply, "test.saga.replies", 0)
	if err != nil {
		s.t.Fatal(err)
	}
	s.deliverMessage(m)
}

func (s *sagas) deliverMessage(m wire.Message) {
	s.t.Helper()
	m.Offset = s.offset
	s.offset++
	s.inbox.Deliver(s.t.Context(), m)
	s.inbox.Advanced(0, s.offset)
}

// unsettled is how many replies still wait.
func (s *sagas) unsettled() int {
	records, _ := s.inbox.Unsettled()
	return records
}
