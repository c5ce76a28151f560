package simulate

import (
	"fmt"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// World is everything outside the managers. Now moves only when the driver moves it.
type World struct {
	Now      time.Time
	Books    *Books
	Sagas    []*Saga
	Commands []Message      // sent and not consumed: any may be delivered next, again, or never
	Execute  Execute        // what participants come to
	Watch    func(Write)    // sees every write; may be nil
	DeadEnds []Reply        // dead letters
	Events   map[string]int // published events by id, and how often
	Quick    bool           // sagas that are added have quick stores
	problems []error        // broken promises that the world itself can see
	sent     map[string]sending
	happened int // how many events have been made
}

// sending is what was sent under an id first, and when it was sent last.
type sending struct {
	bytes string
	at    time.Time
}

// NewWorld returns a world in which every participant answers as execute says.
func NewWorld(now time.Time, execute Execute) *World {
	return &World{Now: now, Books: NewBooks(), Execute: execute, Events: map[string]int{}, sent: map[string]sending{}}
}

// Spec is what people, Git tools and the API server ask of a saga.
type Spec struct {
	Suspend, Abort, Adopt, Delete bool
	Resolutions                   []v1alpha1.Resolution
}

// Saga is one saga object: what is asked of it, and what is stored.
type Saga struct {
	Definition v1alpha1.SagaDefinitionSpec
	Program    *engine.Program
	Run        engine.Run
	UID        string
	Key        string
	Spec       Spec
	Store      *Store
	Replies    []Reply           // read from the log and not yet settled
	Events     []engine.Occurred // of participants, likewise
	Lost       bool              // removed without its finalizer: nobody looks after it any more
	shape      shape
}

// Write is one successful write of a saga's state.
type Write struct {
	Saga          *Saga
	Before, After engine.State
	Events        []engine.Event
	Verdicts      []engine.Verdict // one per event
}

// Add makes a saga of a definition. Its errors are those of engine.Compile.
func (w *World) Add(def v1alpha1.SagaDefinitionSpec, x engine.Expressions, saga engine.Saga) (*Saga, error) {
	p, err := engine.Compile(def, x)
	if err != nil {
		return nil, fmt.Errorf("compiling the definition of %s: %w", saga.Name, err)
	}
	return w.AddCompiled(def, p, saga), nil
}

// AddCompiled makes a saga of a definition and the program that it was compiled to.
func (w *World) AddCompiled(def v1alpha1.SagaDefinitionSpec, p *engine.Program, saga engine.Saga) *Saga {
	s := &Saga{Definition: def, Program: p, Run: p.For(saga), UID: saga.UID, Key: saga.IdempotencyKey, Store: NewStore(), shape: shapeOf(def)}
	if w.Quick {
		s.Store = NewQuickStore()
	}
	w.Sagas = append(w.Sagas, s)
	return s
}

// Live returns the live state.
func (s *Saga) Live() (engine.State, error) { return s.Store.Read(s.Store.Version()) }

// Problems returns the promises that were broken.
func (w *World) Problems() []error { return w.problems }

func (w *World) broken(format string, args ...any) {
	w.problems = append(w.problems, fmt.Errorf(format, args...))
}

// Delivery says what happens to a command beside being executed.
type Delivery struct {
	Again  bool // it stays in flight, to be delivered once more
	Silent bool // the answer is lost: the participant died after its transaction
	Twice  bool // the answer is written twice
}

// Deliver hands the i-th command in flight to its participant.
func (w *World) Deliver(i int, d Delivery) {
	m := w.Commands[i]
	if !d.Again {
		w.Drop(i)
	}
	reply := w.Books.Judge(m, w.Now, w.Execute)
	if d.Silent {
		return
	}
	w.answer(reply)
	if d.Twice {
		w.answer(reply)
	}
}

// Drop loses the i-th command in flight.
func (w *World) Drop(i int) {
	w.Commands = append(w.Commands[:i:i], w.Commands[i+1:]...)
}

// answer puts a reply where the saga's manager reads it. Nobody reads for a saga that is gone.
func (w *World) answer(r Reply) {
	for _, s := range w.Sagas {
		if s.UID == r.SagaUID && !s.Lost {
			s.Replies = append(s.Replies, r)
			return
		}
	}
	w.DeadEnds = append(w.DeadEnds, r)
}

// send puts a command on its way, and checks that its id never carried anything else.
func (w *World) send(m Message) {
	id, bytes := m.ID(), m.Bytes()
	if before, ok := w.sent[id]; ok && before.bytes != bytes {
		w.broken("one id, two messages: %s\n  %s\n  %s", id, before.bytes, bytes)
	}
	w.sent[id] = sending{bytes: bytes, at: w.Now}
	if m.Publish {
		w.Events[m.Key()]++
		return
	}
	w.Commands = append(w.Commands, m)
}

// SentAt says when the command of an attempt left last, and whether it has left.
func (w *World) SentAt(sagaUID string, t engine.Timer) (time.Time, bool) {
	m := Message{SagaUID: sagaUID, Command: engine.Command{Step: t.Step, Direction: t.Direction, Round: t.Round, Attempt: t.Attempt}}
	s, ok := w.sent[m.ID()]
	return s.at, ok
}
