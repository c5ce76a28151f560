package participant

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Outcome is what a participant answers.
type Outcome string

const (
	succeeded = Outcome(wire.Succeeded)
	failed    = Outcome(wire.Failed)
	retry     = Outcome(wire.Retry)
)

// answer is what is said to one command. All of it stays as it was when it was given first.
type answer struct {
	Outcome    Outcome   `json:"outcome"`
	Body       []byte    `json:"body"`
	DataSchema string    `json:"dataSchema,omitempty"` // version of the body; empty: the present one
	Time       time.Time `json:"time"`
}

// row is what the inbox knows of one forward key. The zero row is a key that was never seen.
type row struct {
	saga     string            // UID of the saga that owns the key
	undone   bool              // undoing began or came first: nothing may be done under this key any more
	forward  answer            // zero: not answered
	backward map[string]answer // by backward key: rounds of undoing have keys of their own
}

// judgement is what to do about one command: answer, or execute and answer then. row is to be stored with it.
type judgement struct {
	row     row
	execute bool
	answer  answer
}

// judge decides what a participant does about a command: no I/O, no clock. r is what is stored under the command's
// forward key and is not modified; now is the participant's clock. The order of the five judgements is the contract.
//
// Source: docs/wire-contract.md, "What a participant does".
func judge(r row, c Command, now time.Time) judgement {
	if r.saga != "" && r.saga != c.SagaID && !c.Adopts {
		return judgement{row: r, answer: failedBecause(CodeKeyUsed, "another saga has used this idempotency key", now)}
	}
	r.saga = c.SagaID
	if c.Direction == Forward && r.undone {
		return judgement{row: r, answer: failedBecause(CodeUndone, "this action was undone", now)}
	}
	if stored := r.answerTo(c); stored.Outcome != "" {
		return judgement{row: r, answer: stored}
	}
	if c.Direction == Forward && !c.Expiry.IsZero() && now.After(c.Expiry) {
		return settled(r, c, failedBecause(CodeExpired, "the command came after its expiry time", now))
	}
	if c.Direction == Backward && !r.inEffect() && !r.unseen(c) { // never asked, failed, or undone in an earlier round
		return settled(r, c, answer{Outcome: succeeded, Body: []byte("{}"), Time: now})
	}
	return judgement{row: r, execute: true}
}

// settled is the judgement that gives a and stores it.
func settled(r row, c Command, a answer) judgement {
	return judgement{row: r.with(c, a), answer: a}
}

func (r row) answerTo(c Command) answer {
	if c.Direction == Backward {
		return r.backward[c.IdempotencyKey]
	}
	return r.forward
}

// unseen is whether what c undoes may be in effect although no command asked for it: the service did it by itself.
func (r row) unseen(c Command) bool {
	return c.Observed && r.forward.Outcome == "" && !r.undoneOnce()
}

// inEffect is whether the action took effect and has not been undone since.
func (r row) inEffect() bool {
	return r.forward.Outcome == succeeded && !r.undoneOnce()
}

// undoneOnce is whether a round of undoing has succeeded.
func (r row) undoneOnce() bool {
	for _, a := range r.backward {
		if a.Outcome == succeeded {
			return true
		}
	}
	return false
}

// with returns the row after a was given to c. A backward command marks it undone, whatever the answer.
func (r row) with(c Command, a answer) row {
	if c.Direction == Forward {
		r.forward = a
		return r
	}
	r.undone = true
	r.backward = maps.Clone(r.backward)
	if r.backward == nil {
		r.backward = map[string]answer{}
	}
	r.backward[c.IdempotencyKey] = a
	return r
}

func failedBecause(code, message string, now time.Time) answer {
	return answer{Outcome: failed, Body: bodyOf(wire.Failure{Code: code, Message: message}), Time: now}
}

// maxMessage bounds what a person reads of an error, in bytes, so that the body always fits the contract.
const maxMessage = 1024

func bodyOf(f wire.Failure) []byte {
	f.Code, f.Message = cut(f.Code, 128), cut(f.Message, maxMessage)
	body, err := json.Marshal(f)
	if err != nil { // strings and a number: cannot happen
		return []byte("{}")
	}
	return body
}

func cut(s string, limit int) string {
	if len(s) > limit {
		return s[:limit] // a rune cut in half becomes U+FFFD in JSON
	}
	return s
}
