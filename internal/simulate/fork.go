package simulate

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// Fork returns a world that goes on from here on its own, with the sagas in the same places. Watch and Execute are shared.
func (w *World) Fork() *World {
	fork := *w
	fork.Books = w.Books.fork()
	fork.Commands = slices.Clone(w.Commands)
	fork.DeadEnds = slices.Clone(w.DeadEnds)
	fork.Events = maps.Clone(w.Events)
	fork.sent = maps.Clone(w.sent)
	fork.problems = slices.Clone(w.problems)
	fork.Sagas = make([]*Saga, len(w.Sagas))
	for i, s := range w.Sagas {
		fork.Sagas[i] = s.fork()
	}
	return &fork
}

func (s *Saga) fork() *Saga {
	fork := *s
	fork.Store = s.Store.fork()
	fork.Replies = slices.Clone(s.Replies)
	fork.Events = slices.Clone(s.Events)
	fork.Spec.Resolutions = slices.Clone(s.Spec.Resolutions)
	return &fork
}

func (b *Books) fork() *Books {
	fork := &Books{rows: make(map[string]*row, len(b.rows))}
	for key, r := range b.rows {
		own := *r
		own.answers = maps.Clone(r.answers)
		fork.rows[key] = &own
	}
	return fork
}

// Fork returns a manager that knows the same, and works in w.
func (m *Manager) Fork(w *World) *Manager {
	fork := &Manager{world: w, acked: maps.Clone(m.acked), heard: maps.Clone(m.heard)}
	for uid, events := range fork.heard {
		fork.heard[uid] = slices.Clone(events)
	}
	return fork
}

// Heard says whether the broker has acknowledged events of the saga that are not settled yet.
func (m *Manager) Heard(s *Saga) bool { return len(m.heard[s.UID]) > 0 }

// Owes says whether something is pending in the live state that this manager has not sent.
func (m *Manager) Owes(s *Saga) (bool, error) {
	state, err := s.Live()
	if err != nil || s.Lost {
		return false, err
	}
	pending, err := s.Run.Pending(state)
	for _, c := range pending {
		if !m.acked[Message{SagaUID: s.UID, Command: c}.ID()] {
			return true, nil
		}
	}
	return false, err
}

// Describe writes all that the manager knows: equal texts, equal managers.
func (m *Manager) Describe(w io.Writer) {
	for _, id := range slices.Sorted(maps.Keys(m.acked)) {
		fmt.Fprintf(w, " %s", id)
	}
	for _, uid := range slices.Sorted(maps.Keys(m.heard)) {
		fmt.Fprintf(w, " %s %v", uid, m.heard[uid])
	}
}

// Describe writes all that the books hold: equal texts, equal books.
func (b *Books) Describe(w io.Writer) {
	for _, key := range slices.Sorted(maps.Keys(b.rows)) {
		r := b.rows[key]
		fmt.Fprintf(w, " %s %s %t %d %d", key, r.uid, r.undone, r.effects, r.reversals)
		for _, k := range slices.Sorted(maps.Keys(r.answers)) {
			fmt.Fprintf(w, " %s %s %s", k, r.answers[k].Outcome, r.answers[k].Body)
		}
	}
}
