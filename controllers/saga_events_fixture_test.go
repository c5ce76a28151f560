package controllers

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// eventTopic is a topic of events with one partition. It outlives the manager.
type eventTopic struct {
	s         *sagas
	records   []wire.Message
	committed int64

	sink  kafka.Sink // of the present manager; nil: it does not read the topic
	next  int64      // what that reads next
	since time.Time  // zero: cannot be read now
}

func (l *eventTopic) Run(ctx context.Context) error             { <-ctx.Done(); return nil }
func (l *eventTopic) Commit(_ int32, position int64)            { l.committed = position }
func (l *eventTopic) Pause()                                    {}
func (l *eventTopic) Resume()                                   {}
func (l *eventTopic) HeardUntil() time.Time                     { return l.s.now }
func (l *eventTopic) ReadableSince() (since time.Time, ok bool) { return l.since, !l.since.IsZero() }

// makeHub makes what keeps events, for a manager that has just started to lead.
func (s *sagas) makeHub() {
	for _, l := range s.published {
		l.sink = nil
	}
	s.hub = events.New(events.Config{
		Open: func(topic string, sink kafka.Sink) events.Source {
			l := s.topic(topic)
			l.sink, l.next, l.since = sink, l.committed, s.now
			return l
		},
		Dead: deadletter.New(deadletter.Config{Topic: "test.saga.deadletters", Sender: s.broker, Now: s.clock}),
		Wake: func(string, string) {}, Now: s.clock,
	})
	s.hub.Expect(nil)
}

func (s *sagas) topic(name string) *eventTopic {
	l := s.published[name]
	if l == nil {
		l = &eventTopic{s: s}
		s.published[name] = l
	}
	return l
}

// look draws the picture of participants and definitions, and reads what there is to read.
func (s *sagas) look() {
	s.t.Helper()
	picture := &EventPictureReconciler{
		Client: namespaced{s.api, s.namespace}, Programs: s.r.Programs, Permitted: s.r.Permitted, EventKeys: s.r.EventKeys, Know: s.hub.Know,
	}
	if _, err := picture.Reconcile(s.t.Context(), ctrl.Request{}); err != nil {
		s.t.Fatal(err)
	}
	s.read()
}

// read gives the manager what stands in the topics that it reads.
func (s *sagas) read() {
	s.t.Helper()
	s.hub.Tend(s.t.Context())
	for _, name := range slices.Sorted(maps.Keys(s.published)) {
		l := s.published[name]
		for l.sink != nil && !l.since.IsZero() && l.next < int64(len(l.records)) {
			m := l.records[l.next]
			m.Topic, m.Offset = name, l.next
			l.next++
			l.sink.Deliver(s.t.Context(), m)
			l.sink.Advanced(0, l.next)
		}
	}
}

// happens puts an event of a participant onto its topic, and has it read where that is read.
func (s *sagas) happens(kind, id, key string, data any) {
	s.t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		s.t.Fatal(err)
	}
	participant := kind[:1] // a or b
	s.topic(participant + ".events").records = append(s.topic(participant+".events").records, wire.Message{
		Time: s.now, Value: raw, Headers: []wire.Header{
			{Key: wire.HeaderSpecVersion, Value: []byte("1.0")}, {Key: wire.HeaderID, Value: []byte(id)},
			{Key: wire.HeaderSource, Value: []byte("/" + participant)}, {Key: wire.HeaderType, Value: []byte(kind)},
			{Key: wire.HeaderCorrelationID, Value: []byte(key)},
		},
	})
	s.read()
}

// kept is how many events still wait.
func (s *sagas) kept() int {
	records, _ := s.hub.Unsettled()
	return records
}

// expects names sagas that the manager has to look at before it reads.
func (s *sagas) expects(names ...string) {
	var sagas []types.NamespacedName
	for _, name := range names {
		sagas = append(sagas, s.key(name))
	}
	s.hub.Expect(sagas)
}

// namespaced lists the objects of one namespace: the API server has those of other tests, too.
type namespaced struct {
	client.WithWatch
	namespace string
}

func (c namespaced) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return c.WithWatch.List(ctx, list, append(opts, client.InNamespace(c.namespace))...)
}
