package wire

import (
	"fmt"
	"strings"
)

const replySuffix = ".reply"

// ReplyTo returns a reply that echoes all that the contract says of c. The participant adds ID, Source, Time,
// Outcome and Body.
func ReplyTo(c Command) Reply {
	return Reply{
		SagaUID:        c.Saga.UID,
		SagaRef:        c.Saga.Ref(),
		Step:           c.Step,
		Direction:      c.Direction,
		Round:          c.Round,
		Attempt:        c.Attempt,
		IdempotencyKey: c.IdempotencyKey(),
		Type:           c.Type + replySuffix,
		CorrelationID:  c.Saga.correlation(),
		CausationID:    c.ID(),
		ReplyToken:     c.ReplyToken,
		TraceParent:    c.TraceParent,
		TraceState:     c.TraceState,
	}
}

// SagaName returns namespace and name of the saga that is answered.
func (r Reply) SagaName() (namespace, name string) {
	namespace, name, _ = strings.Cut(r.SagaRef, "/")
	return namespace, name
}

// EncodeReply makes the message that carries r to the command's ReplyTo and ReplyPartition.
//
// Errors: ErrMissing, ErrTooLong and ErrInvalid name the header; ErrBody: more than MaxBody bytes.
func EncodeReply(r Reply, topic string, partition int32) (Message, error) {
	if len(r.Body) > MaxBody {
		return Message{}, fmt.Errorf("encoding reply: %w: it has %d bytes, at most %d are allowed", ErrBody, len(r.Body), MaxBody)
	}
	w := &writer{}
	w.envelope(r.ID, r.Type, r.Source, r.Step)
	w.instant(HeaderTime, r.Time)
	w.question(r.SagaUID, r.SagaRef, r.Step, r.Direction, r.Round, r.Attempt)
	w.required(HeaderIdempotencyKey, r.IdempotencyKey)
	w.optional(HeaderCorrelationID, r.CorrelationID)
	w.required(HeaderCausationID, r.CausationID)
	w.required(HeaderReplyToken, r.ReplyToken)
	w.outcome(r.Outcome)
	w.optional(HeaderDataSchema, r.DataSchema)
	w.trace(r.TraceParent, r.TraceState, r.SagaUID, r.CausationID)
	if w.err != nil {
		return Message{}, fmt.Errorf("encoding reply: %w", w.err)
	}
	return Message{Topic: topic, Partition: partition, Key: []byte(r.SagaUID), Value: r.Body, Headers: w.headers}, nil
}

func (w *writer) outcome(o Outcome) {
	if !o.valid() && w.err == nil {
		w.err = fmt.Errorf("%w: %s is %.32q, not succeeded, failed or retry", ErrInvalid, HeaderOutcome, string(o))
	}
	w.required(HeaderOutcome, string(o))
}

func (o Outcome) valid() bool { return o == Succeeded || o == Failed || o == Retry }

// DecodeReply reads a reply. It judges neither token nor body: see VerifyReply, and MaxBody.
//
// Errors: ErrMissing, ErrTooLong, ErrInvalid and ErrDuplicate name the header.
func DecodeReply(m Message) (Reply, error) {
	r := newReader(m.Headers)
	r.exactly(HeaderSpecVersion, specVersion)
	reply := Reply{
		SagaUID:        r.required(HeaderSagaID),
		SagaRef:        r.required(HeaderSagaRef),
		Step:           r.required(HeaderStep),
		Direction:      r.direction(),
		Round:          r.count(HeaderRound, 1),
		Attempt:        r.count(HeaderAttempt, 1),
		IdempotencyKey: r.optional(HeaderIdempotencyKey),
		Type:           r.required(HeaderType),
		ID:             r.required(HeaderID),
		Source:         r.required(HeaderSource),
		Time:           r.instant(HeaderTime),
		CorrelationID:  r.optional(HeaderCorrelationID),
		CausationID:    r.optional(HeaderCausationID),
		ReplyToken:     r.required(HeaderReplyToken),
		Outcome:        Outcome(r.required(HeaderOutcome)),
		DataSchema:     r.optional(HeaderDataSchema),
		Body:           m.Value,
	}
	reply.TraceParent, reply.TraceState = r.trace(reply.SagaUID, reply.CausationID)
	reply.checkNames(r)
	if r.err != nil {
		return Reply{}, fmt.Errorf("decoding reply: %w", r.err)
	}
	return reply, nil
}

func (r Reply) checkNames(from *reader) {
	namespace, name := r.SagaName()
	switch {
	case from.err != nil:
	case namespace == "" || name == "" || strings.Contains(name, "/"):
		from.err = fmt.Errorf("%w: %s is %q, not <namespace>/<name>", ErrInvalid, HeaderSagaRef, r.SagaRef)
	case !r.Outcome.valid():
		from.err = fmt.Errorf("%w: %s is %q, not succeeded, failed or retry", ErrInvalid, HeaderOutcome, r.Outcome)
	}
}

// CommandID is the ce_id of the command that is answered, as the reply's own headers say.
func (r Reply) CommandID() string {
	c := Command{Saga: Saga{UID: r.SagaUID}, Step: r.Step, Direction: r.Direction, Round: r.Round, Attempt: r.Attempt}
	return c.ID()
}
