package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/unsettled"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// source is a reader that only remembers what it was told.
type source struct {
	mu        sync.Mutex
	sink      kafka.Sink
	committed map[int32]int64
	paused    bool
	next      int64
}

func (s *source) Run(ctx context.Context) error { <-ctx.Done(); return nil }
func (s *source) Commit(partition int32, position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed[partition] = position
}
func (s *source) Pause()                           { s.set(true) }
func (s *source) Resume()                          { s.set(false) }
func (s *source) HeardUntil() time.Time            { return noon }
func (s *source) ReadableSince() (time.Time, bool) { return noon, true }
func (s *source) set(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = paused
}

// world is a hub with its surroundings: a clock that the test moves, topics that only remember, and sagas that are woken.
type world struct {
	*Hub
	t       *testing.T
	now     time.Time
	sources map[string]*source
	woken   []string
	passed  []string

	sending sync.Mutex
	dead    []wire.Message
	away    bool // the dead-letter topic
}

func newWorld(t *testing.T, limits unsettled.Limits) *world {
	t.Helper()
	w := &world{t: t, now: noon, sources: map[string]*source{}}
	w.Hub = New(Config{
		Open: w.open, Dead: deadletter.New(deadletter.Config{Topic: "test.saga.deadletters", Sender: w}),
		Now: func() time.Time { return w.now }, Limits: limits,
		Wake:     func(namespace, name string) { w.woken = append(w.woken, namespace+"/"+name) },
		OnPassed: func(reason string) { w.passed = append(w.passed, reason) },
	})
	return w
}

func (w *world) open(topic string, sink kafka.Sink) Source {
	w.sources[topic] = &source{sink: sink, committed: map[int32]int64{}}
	return w.sources[topic]
}

// Send implements deadletter.Sender.
func (w *world) Send(_ context.Context, messages []wire.Message) error {
	w.sending.Lock()
	defer w.sending.Unlock()
	if w.away {
		return errors.New("no broker")
	}
	w.dead = append(w.dead, messages...)
	return nil
}

// buries sends dead letters as Run would, until there are n in all.
func (w *world) buries(n int) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.cfg.Dead.Run(ctx) }()
	kafkatest.Eventually(w.t, fmt.Sprintf("%d dead letters", n), func() bool {
		w.sending.Lock()
		defer w.sending.Unlock()
		return len(w.dead) == n
	})
	cancel()
	if err := <-ended; err != nil {
		w.t.Error(err)
	}
}

// arranged starts and stops readers as Run would.
func (w *world) arranged() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	w.arrange(ctx)
}

// picture has one participant, and a definition that listens for what it has paid.
func picture() Picture {
	return Picture{
		Participants: []Participant{{Namespace: "shop", Name: "payment", Topic: "payment.events"}},
		Kinds:        []Kind{{Namespace: "shop", Participant: "payment", Type: "payment.received"}},
	}
}

// reading is a world in which payment's events are read.
func reading(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, unsettled.Limits{})
	w.Know(picture())
	w.Expect(nil)
	w.arranged()
	return w
}

var versions int

// listens notes a saga of namespace shop that listens for payments with these keys.
func (w *world) listens(name string, keys ...string) []Delivery {
	w.t.Helper()
	versions++
	return w.Listen(saga(name, fmt.Sprint(1000+versions), keys...))
}

func saga(name, version string, keys ...string) Listener {
	l := Listener{NamespacedName: types.NamespacedName{Namespace: "shop", Name: name}, UID: types.UID("uid-" + name), Version: version}
	for _, key := range keys {
		l.For = append(l.For, engine.Listening{Participant: "payment", Type: "payment.received", Key: key})
	}
	return l
}

// happens puts an event onto a topic.
func (w *world) happens(topic, kind, id, key string) {
	w.t.Helper()
	w.happensAt(w.now, topic, kind, id, key)
}

func (w *world) happensAt(at time.Time, topic, kind, id, key string) {
	w.t.Helper()
	w.reads(topic, wire.Message{Time: at, Value: []byte(`{"amount":"10"}`), Headers: []wire.Header{
		{Key: wire.HeaderSpecVersion, Value: []byte("1.0")}, {Key: wire.HeaderID, Value: []byte(id)},
		{Key: wire.HeaderSource, Value: []byte("/payment")}, {Key: wire.HeaderType, Value: []byte(kind)},
		{Key: wire.HeaderCorrelationID, Value: []byte(key)},
	}})
}

func (w *world) reads(topic string, m wire.Message) {
	w.t.Helper()
	s := w.sources[topic]
	if s == nil {
		w.t.Fatalf("topic %s is not read", topic)
	}
	m.Topic, m.Offset = topic, s.next
	s.next++
	s.sink.Deliver(w.t.Context(), m)
	s.sink.Advanced(0, s.next)
}

func (w *world) paid(id, key string) {
	w.t.Helper()
	w.happens("payment.events", "payment.received", id, key)
}

// committed is what may be committed of a topic's partition 0.
func (w *world) committed(topic string) int64 {
	s := w.sources[topic]
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.committed[0]
}

func (w *world) expectCommitted(want int64) {
	w.t.Helper()
	if got := w.committed("payment.events"); got != want {
		w.t.Errorf("%d may be committed, want %d", got, want)
	}
}

// passes lets time pass and sweeps as Run would.
func (w *world) passes(d time.Duration) {
	w.now = w.now.Add(d)
	w.sweep()
}

func ids(deliveries []Delivery) []string {
	var found []string
	for _, d := range deliveries {
		found = append(found, d.Event.ID)
	}
	return found
}
