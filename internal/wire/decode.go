package wire

import (
	"fmt"
	"strings"
)

// DecodeCommand reads a command. It does not verify the token, which is the operator's to judge.
//
// Errors: ErrMissing, ErrTooLong, ErrInvalid and ErrDuplicate name the header, ErrBody is about the data.
func DecodeCommand(m Message) (Command, error) {
	r := newReader(m.Headers)
	r.exactly(HeaderSpecVersion, specVersion)
	c := Command{
		Saga:           r.saga(),
		Step:           r.required(HeaderStep),
		Direction:      r.direction(),
		Round:          r.count(HeaderRound, 1),
		Attempt:        r.count(HeaderAttempt, 1),
		Type:           r.required(HeaderType),
		Time:           r.instant(HeaderTime),
		Expiry:         r.instant(HeaderExpiryTime),
		Undoes:         r.optional(HeaderUndoes),
		Adopts:         r.flag(HeaderAdopts, yes),
		Observed:       r.flag(HeaderObserved, yes),
		CausationID:    r.optional(HeaderCausationID),
		Canary:         r.flag(HeaderTrack, canaryTrack),
		ReplyTo:        r.required(HeaderReplyTo),
		ReplyPartition: r.count(HeaderReplyPartition, 0),
		ReplyToken:     r.required(HeaderReplyToken),
	}
	c.Saga.IdempotencyKey = r.sagaKey(c)
	c.TraceParent, c.TraceState = r.trace(c.Saga.UID, c.ID())
	r.exactly(HeaderID, c.ID())
	if c.Direction == Backward {
		r.required(HeaderUndoes)
	} else if c.Observed && r.err == nil {
		r.err = fmt.Errorf("%w: %s goes with undoing only", ErrInvalid, HeaderObserved)
	}
	if r.err != nil {
		return Command{}, fmt.Errorf("decoding command: %w", r.err)
	}
	data, err := objectOf(m.Value)
	if err != nil {
		return Command{}, fmt.Errorf("decoding command: %w", err)
	}
	c.Data = data
	return c, nil
}

// saga reads who asks. The idempotency key is not in a header of its own.
func (r *reader) saga() Saga {
	s := Saga{UID: r.required(HeaderSagaID), BusinessKey: r.required(HeaderCorrelationID)}
	ref, source := r.required(HeaderSagaRef), r.required(HeaderSource)
	if r.err != nil {
		return s
	}
	s.Namespace, s.Name, _ = strings.Cut(ref, "/")
	s.Installation, _, _ = strings.Cut(strings.TrimPrefix(source, "/"), "/")
	if err := s.checkNames(); err != nil {
		r.err = err
	} else if s.Source() != source {
		r.err = fmt.Errorf("%w: %s does not fit %s", ErrInvalid, HeaderSource, HeaderSagaRef)
	}
	return s
}

// sagaKey takes the saga's own part out of the command's idempotency key.
func (r *reader) sagaKey(c Command) string {
	full := r.required(HeaderIdempotencyKey)
	key, ok := strings.CutSuffix(full, c.keySuffix())
	if (!ok || key == "") && r.err == nil {
		r.err = fmt.Errorf("%w: %s does not end in step, direction and round", ErrInvalid, HeaderIdempotencyKey)
	}
	return key
}
