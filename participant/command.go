package participant

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Direction says whether a command does or undoes.
type Direction string

// The two directions of a saga.
const (
	Forward  Direction = "forward"
	Backward Direction = "backward"
)

// Command is one question of a saga, as a handler sees it.
type Command struct {
	ID             string          // ce_id: one per attempt
	SagaID         string          // UID of the saga that asks
	SagaRef        string          // <namespace>/<name> of it
	Step           string          // name of the step
	Type           string          // <participant>.<command>
	Direction      Direction       // doing or undoing
	Round          int32           // from 1; rises when a person asks again
	Attempt        int32           // from 1; rises when nobody answered in time
	IdempotencyKey string          // the same for every attempt of one round
	Undoes         string          // backward only: the idempotency key of the action to undo
	Adopts         bool            // the saga continues a lost run and takes over its keys
	Observed       bool            // backward only: the service did the action by itself, without a command
	Canary         bool            // the saga is on the canary track
	CorrelationID  string          // business key
	Time           time.Time       // start of the attempt, UTC
	Expiry         time.Time       // zero: never
	Data           json.RawMessage // a JSON object, 16 KiB at most
	TraceParent    string          // W3C trace context
	TraceState     string
}

// ForwardKey is the idempotency key of the action that the command does or undoes. Effects are best recorded under
// it: a command that undoes then finds them by this key alone, whatever its data say.
func (c Command) ForwardKey() string {
	if c.Direction == Backward {
		return c.Undoes
	}
	return c.IdempotencyKey
}

// Decode reads the command's data into v. An error is a business failure with code INVALID_INPUT: the same data will
// not become valid by being sent again.
func (c Command) Decode(v any) error {
	if err := json.Unmarshal(c.Data, v); err != nil {
		return Fail(CodeInvalidInput, fmt.Sprintf("reading the input of %s: %v", c.Type, err))
	}
	return nil
}

func commandOf(c wire.Command) Command {
	correlation := c.Saga.BusinessKey
	if correlation == "" {
		correlation = c.Saga.IdempotencyKey
	}
	return Command{
		ID: c.ID(), SagaID: c.Saga.UID, SagaRef: c.Saga.Ref(), Step: c.Step, Type: c.Type,
		Direction: Direction(c.Direction), Round: c.Round, Attempt: c.Attempt,
		IdempotencyKey: c.IdempotencyKey(), Undoes: c.Undoes, Adopts: c.Adopts, Observed: c.Observed, Canary: c.Canary,
		CorrelationID: correlation, Time: c.Time, Expiry: c.Expiry, Data: json.RawMessage(c.Data),
		TraceParent: c.TraceParent, TraceState: c.TraceState,
	}
}
