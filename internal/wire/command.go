package wire

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

const (
	specVersion = "1.0"
	contentType = "application/json"
	canaryTrack = "canary"
	yes         = "true"
	apiPath     = "/apis/sagas.dev/v1alpha1/namespaces/"
	sagasPath   = "/sagas/"
)

// ID is the command's ce_id, <saga uid>/<step>/<direction>/<round>/<attempt>. Two commands with one id have the
// same key, data and headers.
func (c Command) ID() string {
	return strings.Join([]string{c.Saga.UID, c.Step, string(c.Direction), number(c.Round), number(c.Attempt)}, "/")
}

// IdempotencyKey is the same for every attempt: <saga's idempotency key>/<step>/<direction>/<round>.
func (c Command) IdempotencyKey() string { return c.Saga.IdempotencyKey + c.keySuffix() }

func (c Command) keySuffix() string {
	return "/" + c.Step + "/" + string(c.Direction) + "/" + number(c.Round)
}

// Source is the command's ce_source: where its saga is found.
func (c Command) Source() string { return c.Saga.Source() }

// Source is the path under which the saga is found, below its installation's name.
func (s Saga) Source() string {
	return "/" + s.Installation + apiPath + s.Namespace + sagasPath + s.Name
}

// Ref is <namespace>/<name>.
func (s Saga) Ref() string { return s.Namespace + "/" + s.Name }

func (s Saga) correlation() string {
	if s.BusinessKey != "" {
		return s.BusinessKey
	}
	return s.IdempotencyKey
}

func number(n int32) string { return strconv.FormatInt(int64(n), 10) }

// EncodeCommand makes the message that carries c to topic, with a reply token made by keys. The same command
// gives the same bytes, but for the token where the key has changed. Partition is -1: the key decides.
//
// Errors: ErrMissing, ErrTooLong and ErrInvalid name the header; ErrBody says what is wrong with the data.
func EncodeCommand(c Command, topic string, keys *Keyring) (Message, error) {
	data, err := objectOf(c.Data)
	if err != nil {
		return Message{}, err
	}
	w := &writer{}
	w.envelope(c.ID(), c.Type, c.Source(), c.Step)
	w.instant(HeaderTime, c.Time)
	w.question(c.Saga.UID, c.Saga.Ref(), c.Step, c.Direction, c.Round, c.Attempt)
	w.required(HeaderIdempotencyKey, c.IdempotencyKey())
	w.undoing(c)
	w.required(HeaderCorrelationID, c.Saga.correlation())
	w.optional(HeaderCausationID, c.CausationID)
	w.required(HeaderReplyTo, c.ReplyTo)
	w.partition(c.ReplyPartition)
	w.instant(HeaderExpiryTime, c.Expiry)
	w.required(HeaderReplyToken, keys.Token(c))
	w.canary(c.Canary)
	w.trace(c.TraceParent, c.TraceState, c.Saga.UID, c.ID())
	if w.err == nil {
		w.err = c.Saga.check()
	}
	if w.err != nil {
		return Message{}, fmt.Errorf("encoding command %.600q: %w", c.ID(), w.err)
	}
	return Message{Topic: topic, Partition: -1, Key: []byte(c.Saga.UID), Value: data, Headers: w.headers}, nil
}

// envelope adds what CloudEvents asks of every message.
func (w *writer) envelope(id, kind, source, subject string) {
	w.required(HeaderSpecVersion, specVersion)
	w.required(HeaderContentType, contentType)
	w.required(HeaderID, id)
	w.required(HeaderType, kind)
	w.required(HeaderSource, source)
	w.optional(HeaderSubject, subject)
}

// question adds what says which command of which saga this is, or answers.
func (w *writer) question(uid, ref, step string, d Direction, round, attempt int32) {
	w.required(HeaderSagaID, uid)
	w.required(HeaderSagaRef, ref)
	w.required(HeaderStep, step)
	if d != Forward && d != Backward && w.err == nil {
		w.err = fmt.Errorf("%w: %s is %q, not forward or backward", ErrInvalid, HeaderDirection, d)
	}
	w.required(HeaderDirection, string(d))
	w.count(HeaderRound, round)
	w.count(HeaderAttempt, attempt)
}

func (w *writer) undoing(c Command) {
	if c.Direction == Backward {
		w.required(HeaderUndoes, c.Undoes)
	}
	if c.Adopts {
		w.required(HeaderAdopts, yes)
	}
	if c.Observed {
		w.required(HeaderObserved, yes)
	}
	if c.Observed && c.Direction != Backward && w.err == nil {
		w.err = fmt.Errorf("%w: %s goes with undoing only", ErrInvalid, HeaderObserved)
	}
}

func (w *writer) partition(p int32) {
	if p < 0 && w.err == nil {
		w.err = fmt.Errorf("%w: %s is %d, it counts from 0", ErrInvalid, HeaderReplyPartition, p)
	}
	w.required(HeaderReplyPartition, number(p))
}

func (w *writer) canary(on bool) {
	if on {
		w.required(HeaderTrack, canaryTrack)
		w.required(HeaderCanary, yes)
	}
}

// check refuses what cannot be a saga: it must have a key and names that keep ids and sources unambiguous.
func (s Saga) check() error {
	if s.IdempotencyKey == "" {
		return fmt.Errorf("%w: %s", ErrMissing, HeaderIdempotencyKey)
	}
	return s.checkNames()
}

func (s Saga) checkNames() error {
	for _, part := range []struct{ header, value string }{
		{HeaderSource, s.Installation}, {HeaderSagaRef, s.Namespace}, {HeaderSagaRef, s.Name}, {HeaderSagaID, s.UID},
	} {
		if part.value == "" || strings.Contains(part.value, "/") {
			return fmt.Errorf("%w: %s has %q as a part, which is empty or has a slash", ErrInvalid, part.header, part.value)
		}
	}
	return nil
}

// objectOf checks the data of a command: a JSON object of at most MaxBody bytes. Nothing counts as {}.
func objectOf(data []byte) ([]byte, error) {
	if len(data) == 0 {
		return []byte("{}"), nil
	}
	if len(data) > MaxBody {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrBody, len(data), MaxBody)
	}
	if !json.Valid(data) || !isObject(data) {
		return nil, fmt.Errorf("%w: it is no JSON object (%d bytes)", ErrBody, len(data))
	}
	return data, nil
}

func isObject(data []byte) bool {
	return strings.HasPrefix(strings.TrimLeft(string(data), " \t\r\n"), "{")
}
