package devrun

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/sagas-dev/saga-operator/internal/casetest"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// holdEvents is how long an event is kept that no saga listens for: its saga may be about to start.
const holdEvents = time.Minute

// mostEvents bounds the events that are kept.
const mostEvents = 10_000

// hearing holds the events that were read and that no saga has taken. It is the sink of the readers of all events topics, and
// safe for concurrent use.
type hearing struct {
	wake func()

	mu     sync.Mutex
	events []heardEvent
}

// heardEvent is an event, and when it was read.
type heardEvent struct {
	engine.Occurred
	topic string
	at    time.Time
	said  bool // that no saga takes it
}

// listen reads a topic until ctx is done.
func (h *hearing) listen(ctx context.Context, client *kafka.Client, topic string) error {
	return kafka.NewReader(client, kafka.ReaderConfig{Topic: topic, Group: "kubectl-saga-dev", Sink: h, Log: logr.Discard()}).Run(ctx)
}

// Deliver takes one record. What is no event is passed over.
func (h *hearing) Deliver(_ context.Context, m wire.Message) {
	event, ok := occurredOf(m)
	if !ok {
		return
	}
	h.mu.Lock()
	h.events = append(h.events, heardEvent{Occurred: event, topic: m.Topic, at: time.Now()})
	if len(h.events) > mostEvents {
		h.events = h.events[1:]
	}
	h.mu.Unlock()
	h.wake()
}

// Advanced needs nothing.
func (h *hearing) Advanced(int32, int64) {}

// Reset needs nothing.
func (h *hearing) Reset(int32, int64) {}

// each goes through the events that wait, and keeps of them those that keep says.
func (h *hearing) each(keep func(*heardEvent) bool) {
	h.mu.Lock()
	events := h.events
	h.events = nil
	h.mu.Unlock()
	var kept []heardEvent
	for _, e := range events {
		if keep(&e) {
			kept = append(kept, e)
		}
	}
	h.mu.Lock()
	h.events = append(kept, h.events...)
	h.mu.Unlock()
}

// occurredOf reads an event; false: it is none, or its data is none that a saga reads.
func occurredOf(m wire.Message) (engine.Occurred, bool) {
	e, err := wire.DecodeCloudEvent(m)
	if err != nil {
		return engine.Occurred{}, false
	}
	data, err := e.JSON()
	if err != nil {
		return engine.Occurred{}, false
	}
	return engine.Occurred{
		Type: e.Type, Source: e.Source, ID: e.ID, Subject: e.Subject, CorrelationID: e.CorrelationID, DataSchema: e.DataSchema,
		Time: e.Time, Data: data,
	}, true
}

// occur gives the events that were read to the sagas that listen for them.
func (r *session) occur() {
	r.hearing.each(func(e *heardEvent) bool {
		heard := deaf
		for _, participant := range r.topics.on(e.topic) {
			e.Participant = participant
			key, err := casetest.KeyOf(e.Occurred, r.topics.described[participant])
			if err != nil {
				r.screen.line("event %s of %s cannot be correlated: %v", e.Type, participant, err)
				continue
			}
			e.Key = key
			heard = max(heard, r.occurTo(e.Occurred))
		}
		if heard == passedOver || heard == otherKey && !e.said {
			e.said = true
			r.screen.line("no saga takes %s %s with key %q: %s", e.Type, e.Data, e.Key, heard)
		}
		return heard < passedOver && time.Since(e.at) < holdEvents
	})
}

// reception is what became of an event.
type reception int

const (
	deaf       reception = iota // no saga listens for its type
	otherKey                    // one does, with another key
	passedOver                  // one does, and does not take it
	taken
)

// String says why an event was not taken.
func (r reception) String() string {
	switch r {
	case deaf:
		return "none waits for it"
	case otherKey:
		return "it is waited for with another key"
	case passedOver:
		return "a filter passes it over, or it has come before"
	case taken:
	}
	return "it was taken"
}

// occurTo gives an event to the sagas that listen for it, and returns the best that became of it.
func (r *session) occurTo(e engine.Occurred) reception {
	best := deaf
	for _, s := range r.sagas {
		for _, l := range s.Listens() {
			switch {
			case l.Participant != e.Participant || l.Type != e.Type:
				continue
			case l.Key != e.Key:
				best = max(best, otherKey)
				continue
			}
			best = max(best, passedOver)
			if verdicts := r.turn(s, e); verdicts[0] == engine.Applied {
				r.screen.line("%s takes %s %s", s.Identity.Name, e.Type, e.Data)
				best = taken
			}
			break
		}
	}
	return best
}

func describe(c engine.Command) string {
	undoing := ""
	if c.Direction == engine.Backward {
		undoing = ", undoing"
	}
	attempt := ""
	if c.Attempt > 1 {
		attempt = fmt.Sprintf(", attempt %d", c.Attempt)
	}
	return fmt.Sprintf("%s (%s%s%s)", c.Type, c.Step, undoing, attempt)
}
