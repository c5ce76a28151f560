package events

import (
	"fmt"

	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// waitingEach is how many events are kept for a saga that has not started: as many as are stored once it has.
const waitingEach = 8

// parked is what waits for sagas which have not started. An event that waits for several counts for each.
type parked struct {
	records int
	bytes   int64
}

func (p *parked) add(entries ...*entry) {
	for _, e := range entries {
		p.records++
		p.bytes += e.record.Size()
	}
}

func (p *parked) remove(entries ...*entry) {
	for _, e := range entries {
		p.records--
		p.bytes -= e.record.Size()
	}
}

// full says why no more events are kept for a saga that has not started; empty: there is room. All such sagas together take half
// of what pauses fetching at most: however long they wait, events for others are read.
func (h *Hub) full(l *listener) string {
	switch limits := h.cfg.Limits; {
	case len(l.waiting) >= waitingEach:
		return fmt.Sprintf("saga %s cannot take events yet, and %d are kept for it already", l.NamespacedName, waitingEach)
	case h.parked.records >= limits.Records/2 || h.parked.bytes >= limits.Bytes/2:
		return fmt.Sprintf("saga %s cannot take events yet, and %d of %d bytes are kept for such sagas already",
			l.NamespacedName, h.parked.records, h.parked.bytes)
	}
	return ""
}

// keptOut has an event that nobody waits for any more wait for those that have room for it by now. It says why it cannot
// wait for one of the others; empty: there are none.
func (h *Hub) keptOut(e *entry) (why string) {
	for _, at := range e.places {
		for _, l := range h.listeners[at] {
			if !e.dealt[l.UID] && !h.assign(l, e) {
				why = h.full(l)
			}
		}
	}
	return why
}

// bury sends an event to the dead-letter topic for which a saga that listens had no room, and settles it once it is there.
func (h *Hub) bury(e *entry, why string) {
	m := e.record.Message
	h.cfg.Log.V(1).Info("Keeping an event as a dead letter", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "detail", why)
	h.cfg.Dead.Add(deadletter.Letter{
		Message: m, Cause: wire.Cause{Reason: wire.ReasonEventLate, Detail: why}, Kept: func() { h.buried(e) },
	})
}

// buried settles an event that is a dead letter by now, unless its topic is read no more: then it is read again.
func (h *Hub) buried(e *entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.topics[e.topic.name] == e.topic {
		e.topic.ledger.Settle(e.record)
	}
}
