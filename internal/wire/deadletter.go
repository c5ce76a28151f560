package wire

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Headers that a dead letter has in addition to its own.
const (
	HeaderDeadReason    = "x-saga-reason"
	HeaderDeadAt        = "x-saga-dead-at"          // RFC 3339, whole seconds
	HeaderDeadTopic     = "x-saga-origin-topic"     // where the message was read
	HeaderDeadPartition = "x-saga-origin-partition" // counts from 0
	HeaderDeadOffset    = "x-saga-origin-offset"
	HeaderDeadCut       = "x-saga-origin-bytes" // the value's size, where it was cut to MaxDeadValue
	HeaderDeadDetail    = "x-saga-detail"       // what is wrong with it, for people; at most maxDeadDetail bytes
	HeaderDeadTrigger   = "x-saga-trigger"      // <namespace>/<name> of the SagaTrigger that refused it
)

// Why a message is a dead letter.
const (
	ReasonBadToken       = "BadToken"       // the reply token is not one of ours
	ReasonMalformed      = "Malformed"      // no reply as the contract has it
	ReasonUnknownSaga    = "UnknownSaga"    // its saga does not exist, or is another of that name
	ReasonNotAsked       = "NotAsked"       // it answers what the saga, read live, has not asked
	ReasonAfterEnd       = "AfterEnd"       // it says that something took effect, and the saga has ended
	ReasonEventLate      = "EventLate"      // an event that its saga cannot keep until its turn, or whose effect it cannot undo any more
	ReasonStatusRejected = "StatusRejected" // the API server refused the status that holds it
)

// Why an event that a trigger has read is a dead letter, beside Malformed.
const (
	ReasonInvalidData       = "InvalidData"       // its data is no JSON, or beyond its bound
	ReasonFilterFailed      = "FilterFailed"      // the trigger's filter cannot be evaluated with it
	ReasonMappingFailed     = "MappingFailed"     // what the trigger makes of events cannot be made of it
	ReasonInvalidParameters = "InvalidParameters" // the params that were made of it break the definition's schema
	ReasonObjectRejected    = "ObjectRejected"    // the API server refuses what was made of it
)

// Cause says why a message is a dead letter.
type Cause struct {
	Reason  string
	Detail  string // for people; may be empty
	Trigger string // <namespace>/<name> of the trigger that refused it; empty: none did
}

// Bounds that keep a dead letter below what a broker takes, however large the message was.
const (
	MaxDeadValue   = 256 << 10 // bytes; more is cut off
	maxDeadHeaders = 64        // more are left out, and so is any that is longer than MaxDeadHeader
	MaxDeadHeader  = 4 << 10   // bytes of a header's name and value
	maxDeadKey     = 4 << 10   // a longer key is left out
	maxDeadDetail  = 1 << 10   // bytes; more is cut off
)

// DeadLetter makes the message that keeps m on the dead-letter topic: its key, value and headers, without the
// reply token (which would let a reader answer in the participant's name), and with reason and origin.
//
// A dead letter that becomes one again keeps the headers of the first time; what is added stands behind them.
func DeadLetter(m Message, topic string, cause Cause, at time.Time) Message {
	dead := Message{Topic: topic, Partition: -1, Key: m.Key, Value: m.Value, Headers: keptHeaders(m.Headers)}
	if len(dead.Key) > maxDeadKey {
		dead.Key = nil
	}
	add := func(name, value string) {
		dead.Headers = append(dead.Headers, Header{Key: name, Value: []byte(value)})
	}
	add(HeaderDeadReason, cause.Reason)
	add(HeaderDeadAt, FormatTime(at))
	add(HeaderDeadTopic, m.Topic)
	add(HeaderDeadPartition, number(m.Partition))
	add(HeaderDeadOffset, strconv.FormatInt(m.Offset, 10))
	if len(m.Value) > MaxDeadValue {
		dead.Value = m.Value[:MaxDeadValue]
		add(HeaderDeadCut, strconv.Itoa(len(m.Value)))
	}
	if cause.Detail != "" {
		add(HeaderDeadDetail, strings.ToValidUTF8(cause.Detail[:min(len(cause.Detail), maxDeadDetail)], ""))
	}
	if cause.Trigger != "" {
		add(HeaderDeadTrigger, cause.Trigger)
	}
	return dead
}

// DeadTwice says whether m became a dead letter although it was one already: whoever reads dead letters has seen it as it
// was before. Copies of copies would never end.
func DeadTwice(m Message) bool {
	return slices.ContainsFunc(m.Headers, func(h Header) bool {
		return h.Key == HeaderDeadTopic && IsDeadLettersTopic(string(h.Value))
	})
}

func keptHeaders(headers []Header) []Header {
	kept := make([]Header, 0, len(headers)+6)
	for _, h := range headers {
		if h.Key != HeaderReplyToken && len(h.Key)+len(h.Value) <= MaxDeadHeader && len(kept) < maxDeadHeaders {
			kept = append(kept, h)
		}
	}
	return kept
}
