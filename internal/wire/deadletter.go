package wire

import (
	"strconv"
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
)

// Why a message is a dead letter.
const (
	ReasonBadToken       = "BadToken"       // the reply token is not one of ours
	ReasonMalformed      = "Malformed"      // no reply as the contract has it
	ReasonUnknownSaga    = "UnknownSaga"    // its saga does not exist, or is another of that name
	ReasonNotAsked       = "NotAsked"       // it answers what the saga, read live, has not asked
	ReasonAfterEnd       = "AfterEnd"       // it says that something took effect, and the saga has ended
	ReasonEventLate      = "EventLate"      // an event that says that something took effect, which its saga cannot undo any more
	ReasonStatusRejected = "StatusRejected" // the API server refused the status that holds it
)

// Bounds that keep a dead letter below what a broker takes, however large the message was.
const (
	MaxDeadValue   = 256 << 10 // bytes; more is cut off
	maxDeadHeaders = 64        // more are left out, and so is any that is longer than MaxDeadHeader
	MaxDeadHeader  = 4 << 10   // bytes of a header's name and value
	maxDeadKey     = 4 << 10   // a longer key is left out
)

// DeadLetter makes the message that keeps m on the dead-letter topic: its key, value and headers, without the
// reply token (which would let a reader answer in the participant's name), and with reason and origin.
func DeadLetter(m Message, topic, reason string, at time.Time) Message {
	dead := Message{Topic: topic, Partition: -1, Key: m.Key, Value: m.Value, Headers: keptHeaders(m.Headers)}
	if len(dead.Key) > maxDeadKey {
		dead.Key = nil
	}
	add := func(name, value string) {
		dead.Headers = append(dead.Headers, Header{Key: name, Value: []byte(value)})
	}
	add(HeaderDeadReason, reason)
	add(HeaderDeadAt, FormatTime(at))
	add(HeaderDeadTopic, m.Topic)
	add(HeaderDeadPartition, number(m.Partition))
	add(HeaderDeadOffset, strconv.FormatInt(m.Offset, 10))
	if len(m.Value) > MaxDeadValue {
		dead.Value = m.Value[:MaxDeadValue]
		add(HeaderDeadCut, strconv.Itoa(len(m.Value)))
	}
	return dead
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
