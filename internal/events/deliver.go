package events

import (
	"context"
	"errors"
	"strings"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// sink takes what one topic's reader reads.
type sink struct {
	*Hub
	topic *topic
}

// Deliver takes a record. What is no CloudEvent, of a kind that nobody listens for, or cannot be correlated, is passed over: it
// is settled as soon as the position moves.
func (s sink) Deliver(_ context.Context, m wire.Message) {
	event, err := wire.DecodeCloudEvent(m)
	if err != nil {
		s.cfg.Log.V(1).Info("Passing over what is no event", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "error", err.Error())
		s.passed(PassedMalformed)
		return
	}
	if places := s.places(m, event); len(places) > 0 {
		for _, saga := range s.admit(s.topic, m, event, places) {
			s.cfg.Wake(saga.Namespace, saga.Name)
		}
	}
}

// Advanced takes the reader's position, which may lie beyond the last record.
func (s sink) Advanced(partition int32, position int64) {
	s.topic.ledger.Advanced(partition, position)
}

// Reset begins a partition at a position, whatever was before. What waits of it still waits for its sagas, and has no
// say in its offsets any more.
func (s sink) Reset(partition int32, position int64) {
	s.topic.ledger.Reset(partition, position)
}

// places returns where sagas may meet the event: at each participant of that name that publishes on the topic, if anybody there
// listens for that type.
func (s sink) places(m wire.Message, event wire.CloudEvent) []place {
	var places []place
	for _, p := range s.candidates(event.Type) {
		key, err := keyOf(p, event)
		if err != nil {
			s.cfg.Log.V(1).Info("Passing over an event that cannot be correlated", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset,
				"type", event.Type, "namespace", p.Namespace, "error", err.Error())
			s.passed(PassedNoKey)
			continue
		}
		places = append(places, place{Kind: Kind{Namespace: p.Namespace, Participant: p.Name, Type: event.Type}, key: key})
	}
	return places
}

func (s sink) candidates(kind string) []Participant {
	name, _, _ := strings.Cut(kind, ".")
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Participant
	for _, p := range s.sources[s.topic.name][name] {
		of := Kind{Namespace: p.Namespace, Participant: name, Type: kind}
		if s.defined[of] || s.kinds[of] > 0 {
			found = append(found, p)
		}
	}
	return found
}

var errNoKey = errors.New("it has no correlation id")

func keyOf(p Participant, event wire.CloudEvent) (string, error) {
	if p.Key == nil {
		if event.CorrelationID == "" {
			return "", errNoKey
		}
		return event.CorrelationID, nil
	}
	object, err := event.Expression()
	if err != nil {
		return "", err
	}
	return p.Key.Of(object)
}

// admit keeps the event for those who listen for it, whose names it returns, or else for its grace.
func (h *Hub) admit(t *topic, m wire.Message, event wire.CloudEvent, places []place) []types.NamespacedName {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := h.cfg.Now()
	e := &entry{topic: t, record: t.ledger.Add(m), event: event, places: places, until: now, waiting: map[*listener]bool{}}
	if m.Time.IsZero() || now.Sub(m.Time) < oldest {
		e.until = now.Add(Grace)
		e.fading = h.fading.PushBack(e)
		if h.fading.Len() == 1 {
			h.nudge()
		}
	}
	var woken []types.NamespacedName
	for _, at := range places {
		h.entries[at] = append(h.entries[at], e)
		for _, l := range h.listeners[at] {
			if h.assign(l, e) && !l.Waits {
				woken = append(woken, l.NamespacedName)
			}
		}
	}
	h.finish(e)
	return woken
}
