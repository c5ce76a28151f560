package simulate

import (
	"time"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// Answer is an outcome with its body.
type Answer struct {
	Outcome engine.Outcome
	Body    []byte
}

// Execute decides what doing or undoing comes to. Only an outcome of succeeded has an effect.
type Execute func(Message) Answer

// Books are the rows of participants that keep the wire contract: one row per forward key.
type Books struct {
	rows map[string]*row
}

type row struct {
	uid       string
	undone    bool
	answers   map[string]Answer // by key, forward or backward
	effects   int
	reversals int
}

// NewBooks returns empty books.
func NewBooks() *Books { return &Books{rows: map[string]*row{}} }

// Judge answers a command as the wire contract demands, in its order: another saga's row, an undone row, a stored answer,
// an expired command; else it executes.
func (b *Books) Judge(m Message, now time.Time, execute Execute) Reply {
	answer := b.answer(m, now, execute)
	return Reply{SagaUID: m.SagaUID, Replied: engine.Replied{
		Step: m.Step, Direction: m.Direction, Round: m.Round, Attempt: m.Attempt, Outcome: answer.Outcome, Body: answer.Body,
	}}
}

func (b *Books) answer(m Message, now time.Time, execute Execute) Answer {
	r := b.rows[m.ForwardKey()]
	if r != nil && r.uid != m.SagaUID {
		if !m.Adopts {
			return refuse("KeyUsed")
		}
		r.uid = m.SagaUID
	}
	if r != nil && r.undone && m.Direction == engine.Forward {
		return refuse("Undone")
	}
	if r != nil {
		if stored, ok := r.answers[m.Key()]; ok {
			return stored
		}
	}
	if m.Direction == engine.Forward && !m.Expiry.IsZero() && now.After(m.Expiry) {
		b.row(m).answers[m.Key()] = refuse("Expired")
		return refuse("Expired")
	}
	return b.execute(m, execute(m))
}

// execute writes what an execution came to. What is to be retried leaves no trace.
func (b *Books) execute(m Message, answer Answer) Answer {
	if answer.Outcome == engine.Retry {
		return answer
	}
	r := b.row(m)
	r.answers[m.Key()] = answer
	if answer.Outcome != engine.Succeeded {
		return answer
	}
	if m.Direction == engine.Forward {
		r.effects++
		return answer
	}
	if !r.undone && r.effects > 0 {
		r.reversals++
	}
	r.undone = true
	return answer
}

func (b *Books) row(m Message) *row {
	r, ok := b.rows[m.ForwardKey()]
	if !ok {
		r = &row{uid: m.SagaUID, answers: map[string]Answer{}}
		b.rows[m.ForwardKey()] = r
	}
	return r
}

func refuse(code string) Answer {
	return Answer{Outcome: engine.Failed, Body: []byte(`{"code":"` + code + `"}`)}
}

// Entry is what the books say of one forward key.
type Entry struct {
	Effects   int // how often the action took effect
	Reversals int // how often an effect was undone
}

// Standing is the number of effects that were not undone.
func (e Entry) Standing() int { return e.Effects - e.Reversals }

// Entry returns what happened under one forward key.
func (b *Books) Entry(key string) Entry {
	r := b.rows[key]
	if r == nil {
		return Entry{}
	}
	return Entry{Effects: r.effects, Reversals: r.reversals}
}

// Entries calls visit for every forward key, in no particular order.
func (b *Books) Entries(visit func(key string, e Entry)) {
	for key := range b.rows {
		visit(key, b.Entry(key))
	}
}

// Stored is the outcome that is stored under a key of an action or of an undoing, or empty.
func (b *Books) Stored(key string) engine.Outcome {
	for _, r := range b.rows {
		if a, ok := r.answers[key]; ok {
			return a.Outcome
		}
	}
	return ""
}
