package simulate

import (
	"fmt"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// Message is a command on its way to a participant.
type Message struct {
	SagaUID string
	SagaKey string // the saga's complete idempotency key
	engine.Command
}

// ID is the same for the same attempt of the same saga, and for nothing else.
func (m Message) ID() string { return m.SagaUID + "/" + m.Command.Key() }

// Key is the idempotency key: the same for every attempt of one round.
func (m Message) Key() string { return m.key(m.Direction, m.Round) }

// ForwardKey names the participant's row: the command's own key or, backward, the key that it undoes.
func (m Message) ForwardKey() string {
	if m.Direction == engine.Backward {
		return m.key(engine.Forward, m.UndoesRound)
	}
	return m.Key()
}

func (m Message) key(dir engine.Direction, round int32) string {
	return ForwardKeyOf(m.SagaKey, m.Step, dir, round)
}

// ForwardKeyOf returns <saga's key>/<step>/<direction>/<round>.
func ForwardKeyOf(sagaKey, step string, dir engine.Direction, round int32) string {
	return fmt.Sprintf("%s/%s/%s/%d", sagaKey, step, dir, round)
}

// Bytes is all that the message says: two messages with one id must have the same.
func (m Message) Bytes() string {
	return fmt.Sprintf("%s %s %s %s %s %s %s %d %t %t %s",
		m.Key(), m.Participant, m.Type, m.Data, m.Time.UTC(), m.Expiry.UTC(), m.Timeout, m.UndoesRound, m.Adopts, m.Observed, m.CausedBy)
}

// Reply is a participant's answer on its way to the saga.
type Reply struct {
	SagaUID string
	engine.Replied
}
