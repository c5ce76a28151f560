// Package participanttest plays the operator towards a participant under test: it makes commands as the operator
// would, sends them through an embedded broker, and reads the answers.
package participanttest

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/participant"
)

// Replies is the topic that commands ask to be answered on. It has two partitions; a saga's name decides which.
const Replies = "main.saga.replies"

// Ask describes one command. The zero values of all but Saga and Type are sensible.
type Ask struct {
	Saga     string    // name of the saga; its idempotency key is main/shop/<name>
	UID      string    // of the saga; defaults to uid-<name>
	Step     string    // defaults to "step"
	Type     string    // <participant>.<command>
	Data     string    // a JSON object; defaults to {}
	Backward bool      // undoes round 1 of the same step
	Round    int32     // defaults to 1
	Attempt  int32     // defaults to 1
	Adopts   bool      // the saga continues a lost run
	Observed bool      // backward only: the participant did the action by itself
	Expiry   time.Time // zero: never

	ReplyTo        string // defaults to Replies
	ReplyPartition int32  // defaults to one of the topic's two
}

// began is when every attempt starts: the same id must always have the same bytes.
var began = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func (a Ask) command() wire.Command {
	uid, step, data := a.UID, a.Step, a.Data
	if uid == "" {
		uid = "uid-" + a.Saga
	}
	if step == "" {
		step = "step"
	}
	replyTo, replyPartition := a.ReplyTo, a.ReplyPartition
	if replyTo == "" {
		replyTo = Replies
	}
	if replyPartition == 0 {
		replyPartition = int32(len(a.Saga) % 2)
	}
	if data == "" {
		data = "{}"
	}
	c := wire.Command{
		Saga: wire.Saga{Installation: "main", UID: uid, Namespace: "shop", Name: a.Saga, IdempotencyKey: "main/shop/" + a.Saga},
		Step: step, Direction: wire.Forward, Round: max(a.Round, 1), Attempt: max(a.Attempt, 1),
		Type: a.Type, Data: []byte(data), Time: began, Expiry: a.Expiry, Adopts: a.Adopts, Observed: a.Observed,
		ReplyTo: replyTo, ReplyPartition: replyPartition,
	}
	if a.Backward {
		forward := c
		forward.Round = 1
		c.Direction, c.Undoes = wire.Backward, forward.IdempotencyKey()
	}
	return c
}

// ID is the command's ce_id.
func (a Ask) ID() string { return a.command().ID() }

// Message is the command as the operator sends it to topic.
func (a Ask) Message(t testing.TB, topic string) participant.Message {
	t.Helper()
	keys, err := wire.NewKeyring([]byte("a secret of the tests, 32 bytes long"), nil)
	if err != nil {
		t.Fatalf("making a keyring: %v", err)
	}
	m, err := wire.EncodeCommand(a.command(), topic, keys)
	if err != nil {
		t.Fatalf("encoding %s: %v", a.ID(), err)
	}
	out := participant.Message{Topic: m.Topic, Partition: int(m.Partition), Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, participant.Header(h))
	}
	return out
}

// Answer is what a participant said, already checked against the contract.
type Answer struct {
	CommandID  string // the command that is answered
	Outcome    string // succeeded, failed or retry
	Code       string // of a failure
	Body       string
	DataSchema string // the body's version; empty: the present one
	Time       time.Time
	Topic      string
	Partition  int
}

// Read reads a reply and fails the test where the contract is broken.
func Read(t testing.TB, m participant.Message) Answer {
	t.Helper()
	in := wire.Message{Topic: m.Topic, Partition: int32(m.Partition), Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		in.Headers = append(in.Headers, wire.Header(h))
	}
	reply, err := wire.DecodeReply(in)
	if err != nil {
		t.Fatalf("reply breaks the contract: %v", err)
	}
	if string(m.Key) != reply.SagaUID {
		t.Errorf("reply has key %q, want the saga's UID %q", m.Key, reply.SagaUID)
	}
	var failure wire.Failure
	if err := json.Unmarshal(reply.Body, &failure); err != nil {
		t.Errorf("reply's data is no JSON object: %v", err)
	}
	return Answer{CommandID: reply.CommandID(), Outcome: string(reply.Outcome), Code: failure.Code, Body: string(reply.Body),
		DataSchema: reply.DataSchema, Time: reply.Time, Topic: m.Topic, Partition: m.Partition}
}
