package simulate

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// Manager is one process that decides, stores and sends. What it knows beside the store is lost in a crash.
type Manager struct {
	world *World
	acked map[string]bool               // ids that the broker acknowledged in this process
	heard map[string][]engine.Published // acknowledged events by saga, until they are settled
}

// NewManager starts a manager.
func NewManager(w *World) *Manager {
	return &Manager{world: w, acked: map[string]bool{}, heard: map[string][]engine.Published{}}
}

// Stop is where a turn ends early.
type Stop int

const (
	StopNever        Stop = iota
	StopBeforeStore       // a crash after deciding
	StopBeforeSettle      // a crash after storing: replies are read again, nothing was sent
	StopBeforeSend        // a crash after settling: nothing was sent
	StopToSend            // no crash: what can be sent again is left to Resend
)

// Turn is one reconciliation: what the manager reads and how far it gets.
type Turn struct {
	Saga    *Saga
	Version int   // of the copy that it reads
	Replies []int // indices into Saga.Replies, in the order of reading; may repeat
	Events  []int // likewise into Saga.Events
	TimeOut func(engine.Timer) bool
	Stop    Stop
	Skew    time.Duration // of the manager's clock
}

// Reconcile gathers, decides, stores, settles and sends, in this order and nowhere else.
func (m *Manager) Reconcile(t Turn) error {
	if t.Saga.Lost {
		return nil
	}
	state, err := t.Saga.Store.Read(t.Version)
	if err != nil {
		return err
	}
	events, replies := m.gather(t, state)
	next, verdicts := t.Saga.Run.Next(state, m.world.Now.Add(t.Skew), events)
	if t.Stop == StopBeforeStore {
		return nil
	}
	if t.Version != t.Saga.Store.Version() {
		return m.stale(t, state, next, events, verdicts, replies)
	}
	stored, err := t.Saga.Store.Write(t.Version, next)
	if err != nil {
		return err
	}
	if m.world.Watch != nil {
		m.world.Watch(Write{Saga: t.Saga, Before: state, After: stored, Events: events, Verdicts: verdicts})
	}
	if t.Stop == StopBeforeSettle {
		return nil
	}
	m.settle(t.Saga, events, verdicts, replies)
	if t.Stop == StopBeforeSend {
		return nil
	}
	if err := m.sendOnce(t.Saga, state, stored); err != nil || t.Stop == StopToSend {
		return err
	}
	return m.send(t.Saga, stored)
}

// Resend sends what a copy, perhaps an old one, says is pending: what a manager does when it starts.
func (m *Manager) Resend(s *Saga, version int) error {
	state, err := s.Store.Read(version)
	if err != nil || s.Lost {
		return err
	}
	return m.send(s, state)
}

func (m *Manager) gather(t Turn, state engine.State) (events []engine.Event, replies []Reply) {
	s := t.Saga
	if state.StartTime == nil {
		events = append(events, engine.Started{Revision: "r1", InputDigest: "sha256:0"})
	}
	for _, i := range t.Replies {
		events = append(events, s.Replies[i].Replied)
		replies = append(replies, s.Replies[i])
	}
	for _, i := range t.Events {
		events = append(events, s.Events[i])
	}
	for _, r := range s.Spec.Resolutions {
		events = append(events, engine.Resolve{Resolution: r})
	}
	events = append(events, s.Spec.requests()...)
	for _, timer := range s.Run.Timers(state) {
		if m.due(t, timer) {
			events = append(events, engine.Fired{Timer: timer})
		}
	}
	for _, p := range m.heard[s.UID] {
		events = append(events, p)
	}
	return events, replies
}

func (s Spec) requests() []engine.Event {
	events := []engine.Event{engine.Asked{Request: engine.Resume}}
	if s.Suspend {
		events = []engine.Event{engine.Asked{Request: engine.Suspend}}
	}
	for _, asked := range []struct {
		set     bool
		request engine.Request
	}{{s.Abort, engine.Abort}, {s.Adopt, engine.Adopt}, {s.Delete, engine.Delete}} {
		if asked.set {
			events = append(events, engine.Asked{Request: asked.request})
		}
	}
	return events
}

func (m *Manager) due(t Turn, timer engine.Timer) bool {
	if timer.Kind == engine.TimerAttempt {
		_, sent := m.world.SentAt(t.Saga.UID, timer)
		return sent && t.TimeOut != nil && t.TimeOut(timer)
	}
	return !m.world.Now.Add(t.Skew).Before(timer.At) && (timer.Kind != engine.TimerAwait || t.heard(timer))
}

// heard says whether all events of the timer's participant have been read.
func (t Turn) heard(timer engine.Timer) bool {
	for i, e := range t.Saga.Events {
		if e.Participant == timer.Participant && !e.Time.After(timer.At) && !slices.Contains(t.Events, i) {
			return false
		}
	}
	return true
}

// stale ends a turn that read an old copy: its decision dies at the store. Where it decided nothing, what is settled is
// dropped on the word of the copy, which must be the word of the live state too.
func (m *Manager) stale(t Turn, state, next engine.State, events []engine.Event, verdicts []engine.Verdict, replies []Reply) error {
	if _, err := t.Saga.Store.Write(t.Version, next); !errors.Is(err, ErrConflict) {
		return fmt.Errorf("writing over a newer version: %w", err)
	}
	if !equality.Semantic.DeepEqual(state, next) {
		return nil
	}
	live, err := t.Saga.Live()
	if err != nil {
		return err
	}
	for i, e := range events {
		if verdicts[i] != engine.Settled || !isAnswer(e) {
			continue
		}
		if _, now := t.Saga.Run.Next(live, m.world.Now, []engine.Event{e}); now[0] != engine.Settled {
			m.world.broken("%+v is settled on version %d, and %d on live version %d", e, t.Version, now[0], t.Saga.Store.Version())
		}
	}
	dropped := slices.Clone(verdicts)
	for i := range dropped {
		if dropped[i] != engine.Settled {
			dropped[i] = keep
		}
	}
	m.settle(t.Saga, events, dropped, replies)
	return nil
}

// keep is no verdict of the engine's: the answer is judged again.
const keep engine.Verdict = -1

func isAnswer(e engine.Event) bool {
	switch e.(type) {
	case engine.Replied, engine.Occurred, engine.Published:
		return true
	}
	return false
}

// settle commits what was read: applied and settled replies go, late ones become dead letters, and so do those that even
// a live read has not heard of.
func (m *Manager) settle(s *Saga, events []engine.Event, verdicts []engine.Verdict, replies []Reply) {
	read := 0
	for i, e := range events {
		switch e := e.(type) {
		case engine.Published:
			if verdicts[i] == engine.Applied || verdicts[i] == engine.Settled {
				m.unhear(s, e)
			}
		case engine.Occurred:
			if verdicts[i] != engine.Unheard && verdicts[i] != keep {
				s.forgetEvent(e)
			}
		case engine.Replied:
			if verdicts[i] == engine.Unheard || verdicts[i] == engine.Late {
				m.world.DeadEnds = append(m.world.DeadEnds, replies[read])
			}
			if verdicts[i] != keep {
				s.forget(replies[read])
			}
			read++
		}
	}
}

// forget removes one copy of a reply.
func (s *Saga) forget(r Reply) {
	for i, other := range s.Replies {
		if other.Step == r.Step && other.Direction == r.Direction && other.Round == r.Round && other.Attempt == r.Attempt &&
			other.Outcome == r.Outcome && string(other.Body) == string(r.Body) {
			s.Replies = slices.Delete(slices.Clone(s.Replies), i, i+1)
			return
		}
	}
}

// forgetEvent removes one copy of an event.
func (s *Saga) forgetEvent(e engine.Occurred) {
	for i, other := range s.Events {
		if other.Source == e.Source && other.ID == e.ID {
			s.Events = slices.Delete(slices.Clone(s.Events), i, i+1)
			return
		}
	}
}

// sendOnce sends what may be sent only once, by whoever has stored it.
func (m *Manager) sendOnce(s *Saga, before, stored engine.State) error {
	commands, err := s.Run.Once(before, stored)
	for _, c := range commands {
		message := Message{SagaUID: s.UID, SagaKey: s.Key, Command: c}
		if c.Direction == engine.Backward && !c.Publish && c.Observed == s.asks(c.Step) {
			m.world.broken("%s says that no command came before: %t", c.Key(), c.Observed)
		}
		if _, again := m.world.sent[message.ID()]; again {
			m.world.broken("%s is sent again, and may be sent only once", message.ID())
		}
		m.world.send(message)
	}
	return err
}

func (m *Manager) send(s *Saga, stored engine.State) error {
	pending, err := s.Run.Pending(stored)
	for _, c := range pending {
		message := Message{SagaUID: s.UID, SagaKey: s.Key, Command: c}
		if m.acked[message.ID()] {
			continue
		}
		m.acked[message.ID()] = true
		m.world.send(message)
		if c.Publish {
			m.hear(s, engine.Published{Step: c.Step, Direction: c.Direction})
		}
	}
	if a, ok := engine.Announce(stored); ok && a.Outcome == "needs-intervention" {
		m.hear(s, engine.Published{Intervention: a.Number})
	}
	return err
}

func (m *Manager) hear(s *Saga, p engine.Published) {
	if !slices.Contains(m.heard[s.UID], p) {
		m.heard[s.UID] = append(m.heard[s.UID], p)
	}
}

func (m *Manager) unhear(s *Saga, p engine.Published) {
	m.heard[s.UID] = slices.DeleteFunc(slices.Clone(m.heard[s.UID]), func(other engine.Published) bool { return other == p })
}

// asks says whether doing a step means sending a command: then the participant has a row of it that undoing looks for.
func (s *Saga) asks(step string) bool {
	return s.Definition.Mode != v1alpha1.ModeObserved && slices.ContainsFunc(s.Definition.Steps, func(def v1alpha1.Step) bool {
		return def.Name == step && def.Action != nil
	})
}
