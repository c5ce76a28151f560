package events

import (
	"slices"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// listener is a saga with the events that wait for it, in the order they came.
type listener struct {
	Listener
	places  map[place]bool
	waiting []*entry
}

// Listen notes what a saga listens for, in place of what was known of it, and returns the events that wait for it. They stay
// until settled, passed on or sent to the dead-letter topic. A copy that is older than the one that was noted last
// changes nothing.
func (h *Hub) Listen(saga Listener) []Delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.visit(saga.NamespacedName)
	l := h.sagas[saga.NamespacedName]
	switch {
	case l != nil && l.UID == saga.UID && older(saga.Version, l.Version):
		return l.deliveries()
	case l != nil && l.UID != saga.UID: // made anew
		h.drop(l)
		l = nil
	}
	if l == nil {
		if len(saga.For) == 0 {
			return nil
		}
		l = &listener{places: map[place]bool{}}
		h.sagas[saga.NamespacedName] = l
	}
	h.update(l, saga)
	return l.deliveries()
}

// older says whether version a is from before b. What cannot be compared is not.
func older(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

func (h *Hub) update(l *listener, saga Listener) {
	switch {
	case l.Waits && !saga.Waits:
		h.parked.remove(l.waiting...)
	case !l.Waits && saga.Waits:
		h.parked.add(l.waiting...)
	}
	l.Listener = saga
	now := map[place]bool{}
	for _, listening := range saga.For {
		now[placeOf(saga.Namespace, listening)] = true
	}
	for at := range l.places {
		if !now[at] {
			h.leave(l, at)
		}
	}
	for at := range now {
		if !l.places[at] {
			h.enter(l, at)
		}
	}
	for _, listening := range saga.For { // in the order of the steps, and again: a bound may have kept some out
		for _, e := range h.entries[placeOf(saga.Namespace, listening)] {
			h.assign(l, e)
		}
	}
}

func placeOf(namespace string, l engine.Listening) place {
	return place{Kind: Kind{Namespace: namespace, Participant: l.Participant, Type: l.Type}, key: l.Key}
}

func (h *Hub) enter(l *listener, at place) {
	l.places[at] = true
	h.listeners[at] = append(h.listeners[at], l)
	if h.kinds[at.Kind]++; h.kinds[at.Kind] == 1 {
		h.nudge()
	}
}

func (h *Hub) leave(l *listener, at place) {
	delete(l.places, at)
	left := slices.DeleteFunc(h.listeners[at], func(other *listener) bool { return other == l })
	if h.listeners[at] = left; len(left) == 0 {
		delete(h.listeners, at)
	}
	if h.kinds[at.Kind]--; h.kinds[at.Kind] == 0 {
		delete(h.kinds, at.Kind)
		h.nudge()
	}
}

// Forget says that a saga listens for nothing: it has ended, is gone, or cannot be run. The events that waited for it go on
// without it.
func (h *Hub) Forget(namespace, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	saga := types.NamespacedName{Namespace: namespace, Name: name}
	h.visit(saga)
	if l := h.sagas[saga]; l != nil {
		h.drop(l)
	}
}

func (h *Hub) drop(l *listener) {
	for at := range l.places {
		h.leave(l, at)
	}
	for _, e := range slices.Clone(l.waiting) {
		h.release(l, e)
		h.finish(e)
	}
	delete(h.sagas, l.NamespacedName)
}

// deliveries returns the events as they are handed out.
func (l *listener) deliveries() []Delivery {
	found := make([]Delivery, 0, len(l.waiting))
	for _, e := range l.waiting {
		if at, ok := e.at(l.Namespace); ok {
			found = append(found, Delivery{Event: e.occurred(at), entry: e, saga: l})
		}
	}
	return found
}

// Expect names the unfinished sagas of a new leader. Nothing is read before each of them was noted, or forgotten: an event must
// not be taken for nobody's because its saga was not looked at yet.
func (h *Hub) Expect(sagas []types.NamespacedName) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, saga := range sagas {
		if !h.visited[saga] {
			h.expected[saga] = true
		}
	}
	h.awaited, h.visited = true, nil
	h.nudge()
}

// Look says that a saga was looked at, and that nothing new is known of what it listens for.
func (h *Hub) Look(namespace, name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.visit(types.NamespacedName{Namespace: namespace, Name: name})
}

func (h *Hub) visit(saga types.NamespacedName) {
	if !h.awaited {
		h.visited[saga] = true
		return
	}
	if h.expected[saga] {
		delete(h.expected, saga)
		if len(h.expected) == 0 {
			h.nudge()
		}
	}
}

// Know takes the picture of participants and definitions, in place of the one before.
func (h *Hub) Know(picture Picture) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sources, h.defined = map[string]map[string][]Participant{}, map[Kind]bool{}
	for _, p := range picture.Participants {
		if h.sources[p.Topic] == nil {
			h.sources[p.Topic] = map[string][]Participant{}
		}
		h.sources[p.Topic][p.Name] = append(h.sources[p.Topic][p.Name], p)
	}
	for _, kind := range picture.Kinds {
		h.defined[kind] = true
	}
	h.pictured = true
	h.nudge()
}

// whole says whether everybody is known who may listen.
func (h *Hub) whole() bool { return h.pictured && h.awaited && len(h.expected) == 0 }
