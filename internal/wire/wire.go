// Package wire is the contract between the operator and the participants: CloudEvents 1.0 in Kafka's binary
// content mode. It turns commands, replies and events into messages and back, and does no I/O.
//
// Source: docs/wire-contract.md.
package wire

import "time"

// Header is one Kafka record header. Names are lower case, values are UTF-8.
type Header struct {
	Key   string
	Value []byte
}

// Message is one Kafka record in either direction, without anything of a client library.
type Message struct {
	Topic     string
	Partition int32 // -1 where the producer is to choose by Key
	Offset    int64 // set on what was read
	Key       []byte
	Value     []byte
	Headers   []Header
	Time      time.Time // the broker's or producer's time stamp; set on what was read
}

// Direction says whether a command does or undoes.
type Direction string

const (
	Forward  Direction = "forward"
	Backward Direction = "backward"
)

// Outcome is what a participant answers.
type Outcome string

const (
	Succeeded Outcome = "succeeded" // done, now or before
	Failed    Outcome = "failed"    // business failure: nothing was done, and won't be
	Retry     Outcome = "retry"     // transient failure: ask again
)

// Codes that the contract itself gives a meaning, in the body of a failed reply.
const (
	CodeKeyUsed = "KeyUsed" // another saga has used this idempotency key
	CodeUndone  = "Undone"  // the action was undone, or its undoing came first
	CodeExpired = "Expired" // the command came after its expiry time
)

// Saga is who asks.
type Saga struct {
	Installation   string // no '/' in it
	UID            string
	Namespace      string
	Name           string
	IdempotencyKey string // complete: <installation>/<namespace>/<spec.idempotencyKey or name>
	BusinessKey    string // correlation id; the idempotency key where the saga has none
}

// Command asks a participant for one action or compensation.
type Command struct {
	Saga           Saga
	Step           string
	Direction      Direction
	Round          int32     // from 1
	Attempt        int32     // from 1
	Type           string    // <participant>.<command>, e.g. inventory.reserve
	Data           []byte    // a JSON object, at most MaxBody bytes
	Time           time.Time // the attempt's start, whole seconds, UTC
	Expiry         time.Time // zero: none
	Undoes         string    // idempotency key of the forward round this one undoes; backward only
	Adopts         bool      // the saga continues a lost run
	Observed       bool      // backward only: the action was no command, the participant did it by itself
	CausationID    string    // id of the command that led to this one; empty: none did
	Canary         bool
	ReplyTo        string
	ReplyPartition int32
	ReplyToken     string // set by EncodeCommand, read by DecodeCommand
	TraceParent    string
	TraceState     string
}

// Reply is a participant's answer to one command.
type Reply struct {
	SagaUID        string
	SagaRef        string // <namespace>/<name>
	Step           string
	Direction      Direction
	Round          int32
	Attempt        int32
	IdempotencyKey string
	Type           string // <command type>.reply
	ID             string // participant's own, unique per source
	Source         string
	Time           time.Time
	CorrelationID  string
	CausationID    string // id of the command that is answered
	ReplyToken     string
	Outcome        Outcome
	DataSchema     string // the body's version; empty: the present one
	Body           []byte // the step's output, or Failure as JSON; raw, judged by whoever uses it
	TraceParent    string
	TraceState     string
}

// Failure is the body of a reply whose outcome is failed or retry.
type Failure struct {
	Code       string `json:"code,omitempty"`
	Message    string `json:"message,omitempty"`
	RetryAfter int64  `json:"retryAfter,omitempty"` // seconds; retry only
}

// Event is what a publish step or a saga's end announces. Nobody answers it.
type Event struct {
	Saga        Saga
	Step        string // the publish step's name; empty for an outcome
	ID          string
	Type        string // e.g. order.confirmed, saga.completed
	Data        []byte
	Time        time.Time
	CausationID string
	TraceParent string
	TraceState  string
}

// MaxBody is the largest data of a command or reply, in bytes.
const MaxBody = 16 << 10
