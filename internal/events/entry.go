package events

import (
	"container/list"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/unsettled"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// entry is one event that is not settled.
type entry struct {
	topic  *topic
	record *unsettled.Record
	event  wire.CloudEvent
	places []place       // of each namespace one at most
	until  time.Time     // end of its grace
	fading *list.Element // nil once that is over

	waiting map[*listener]bool // sagas that are to deal with it
	dealt   map[types.UID]bool // those that have
	taken   bool               // by one of them at least
	gone    bool
}

// at returns the place of the event in a namespace.
func (e *entry) at(namespace string) (place, bool) {
	i := slices.IndexFunc(e.places, func(at place) bool { return at.Namespace == namespace })
	if i < 0 {
		return place{}, false
	}
	return e.places[i], true
}

// occurred is the event as the engine takes it.
func (e *entry) occurred(at place) engine.Occurred {
	return engine.Occurred{
		Participant: at.Participant, Type: at.Type, Key: at.key, Source: e.event.Source, ID: e.event.ID, Subject: e.event.Subject,
		CorrelationID: e.event.CorrelationID, DataSchema: e.event.DataSchema, Time: e.event.Time, Data: e.event.Data,
	}
}

// assign has the event wait for the saga, and says whether that is new. For a saga that has not started, within bounds: it
// may wait for long, and what waits holds back what may be committed.
func (h *Hub) assign(l *listener, e *entry) bool {
	switch {
	case e.waiting[l] || e.dealt[l.UID]:
		return false
	case l.Waits && h.full(l) != "":
		return false
	case l.Waits:
		h.parked.add(e)
	}
	e.waiting[l] = true
	l.waiting = append(l.waiting, e)
	return true
}

// release has the event no longer wait for the saga, and says whether it did.
func (h *Hub) release(l *listener, e *entry) bool {
	if !e.waiting[l] {
		return false
	}
	if l.Waits {
		h.parked.remove(e)
	}
	delete(e.waiting, l)
	l.waiting = slices.DeleteFunc(l.waiting, func(other *entry) bool { return other == e })
	return true
}

// finish lets the event go where nobody is to deal with it any more: somebody has, or its grace is over. What was kept out
// by a bound until then, and still is, goes to the dead-letter topic.
func (h *Hub) finish(e *entry) {
	if e.gone || len(e.waiting) > 0 || !e.taken && h.cfg.Now().Before(e.until) {
		return
	}
	why := h.keptOut(e)
	if len(e.waiting) > 0 { // there is room by now
		return
	}
	h.remove(e)
	if why != "" {
		h.bury(e, why)
		return
	}
	if !e.taken && len(e.dealt) == 0 {
		h.passed(PassedUnclaimed)
	}
	e.topic.ledger.Settle(e.record)
}

// remove forgets the event.
func (h *Hub) remove(e *entry) {
	e.gone = true
	for _, at := range e.places {
		left := slices.DeleteFunc(h.entries[at], func(other *entry) bool { return other == e })
		if h.entries[at] = left; len(left) == 0 {
			delete(h.entries, at)
		}
	}
	if e.fading != nil {
		h.fading.Remove(e.fading)
		e.fading = nil
	}
}
