package wire

import (
	"fmt"
	"strings"
)

// EventID is the ce_id of what a publish step or a saga's end announces:
// <saga's idempotency key>/<step or outcome>/<round or decision>.
func EventID(s Saga, what string, n int32) string {
	return s.IdempotencyKey + "/" + what + "/" + number(n)
}

// UndoingEventID is the ce_id of the event that takes a step back: <saga's idempotency key>/<step>/backward/<round>.
func UndoingEventID(s Saga, step string, round int32) string {
	return EventID(s, step+"/"+string(Backward), round)
}

// EncodeEvent makes the message that announces e on topic. The same event gives the same bytes.
//
// Errors: ErrMissing, ErrTooLong and ErrInvalid name the header; ErrBody says what is wrong with the data.
func EncodeEvent(e Event, topic string) (Message, error) {
	data, err := objectOf(e.Data)
	if err != nil {
		return Message{}, fmt.Errorf("encoding event: %w", err)
	}
	w := &writer{}
	w.envelope(e.ID, e.Type, e.Saga.Source(), e.Step)
	w.instant(HeaderTime, e.Time)
	w.required(HeaderSagaID, e.Saga.UID)
	w.required(HeaderSagaRef, e.Saga.Ref())
	w.optional(HeaderStep, e.Step)
	w.required(HeaderIdempotencyKey, e.Saga.IdempotencyKey)
	w.required(HeaderCorrelationID, e.Saga.correlation())
	w.optional(HeaderCausationID, e.CausationID)
	w.trace(e.TraceParent, e.TraceState, e.Saga.UID, e.ID)
	if w.err == nil {
		w.err = e.Saga.check()
	}
	if w.err == nil && !strings.HasPrefix(e.ID, e.Saga.IdempotencyKey+"/") {
		w.err = fmt.Errorf("%w: %s does not begin with the saga's idempotency key", ErrInvalid, HeaderID)
	}
	if w.err != nil {
		return Message{}, fmt.Errorf("encoding event %.600q: %w", e.ID, w.err)
	}
	return Message{Topic: topic, Partition: -1, Key: []byte(e.Saga.UID), Value: data, Headers: w.headers}, nil
}

// DecodeEvent reads what EncodeEvent wrote.
//
// Errors: ErrMissing, ErrTooLong, ErrInvalid and ErrDuplicate name the header, ErrBody is about the data.
func DecodeEvent(m Message) (Event, error) {
	r := newReader(m.Headers)
	r.exactly(HeaderSpecVersion, specVersion)
	e := Event{
		Saga:        r.saga(),
		Step:        r.optional(HeaderStep),
		ID:          r.required(HeaderID),
		Type:        r.required(HeaderType),
		Time:        r.instant(HeaderTime),
		CausationID: r.optional(HeaderCausationID),
	}
	e.Saga.IdempotencyKey = r.required(HeaderIdempotencyKey)
	e.TraceParent, e.TraceState = r.trace(e.Saga.UID, e.ID)
	if r.err != nil {
		return Event{}, fmt.Errorf("decoding event: %w", r.err)
	}
	data, err := objectOf(m.Value)
	if err != nil {
		return Event{}, fmt.Errorf("decoding event: %w", err)
	}
	e.Data = data
	return e, nil
}
