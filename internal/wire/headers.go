package wire

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Names of the headers. CloudEvents attributes carry the prefix ce_ in Kafka's binary mode.
const (
	HeaderSpecVersion    = "ce_specversion"
	HeaderContentType    = "content-type"
	HeaderID             = "ce_id"
	HeaderType           = "ce_type"
	HeaderSource         = "ce_source"
	HeaderSubject        = "ce_subject"
	HeaderTime           = "ce_time"
	HeaderSagaID         = "ce_sagaid"
	HeaderSagaRef        = "ce_sagaref"
	HeaderStep           = "ce_sagastep"
	HeaderDirection      = "ce_sagadirection"
	HeaderRound          = "ce_sagaround"
	HeaderAttempt        = "ce_sagaattempt"
	HeaderIdempotencyKey = "ce_idempotencykey"
	HeaderUndoes         = "ce_undoes"
	HeaderAdopts         = "ce_sagaadopts"
	HeaderObserved       = "ce_sagaobserved"
	HeaderCorrelationID  = "ce_correlationid"
	HeaderCausationID    = "ce_causationid"
	HeaderReplyTo        = "ce_replyto"
	HeaderReplyPartition = "ce_replypartition"
	HeaderExpiryTime     = "ce_expirytime"
	HeaderReplyToken     = "ce_replytoken"
	HeaderTrack          = "ce_sagatrack"
	HeaderCanary         = "x-canary"
	HeaderTraceParent    = "traceparent"
	HeaderTraceState     = "tracestate"
	HeaderOutcome        = "ce_sagaoutcome"
	HeaderDataSchema     = "ce_dataschema"
)

// MaxHeader bounds every header's value that is not listed in maxima, in bytes.
const MaxHeader = 512

// maxima are the bounds of the headers that are shorter by nature, in bytes.
var maxima = map[string]int{
	HeaderSpecVersion:    8,
	HeaderContentType:    128,
	HeaderTime:           64,
	HeaderSagaID:         64,
	HeaderStep:           63,
	HeaderSubject:        256,
	HeaderDirection:      8,
	HeaderRound:          10,
	HeaderAttempt:        10,
	HeaderAdopts:         5,
	HeaderObserved:       5,
	HeaderReplyTo:        249, // the longest name of a topic
	HeaderReplyPartition: 10,
	HeaderExpiryTime:     64,
	HeaderReplyToken:     128,
	HeaderTrack:          16,
	HeaderCanary:         5,
	HeaderTraceParent:    256,
	HeaderOutcome:        16,
}

// bound returns how many bytes the named header's value may have.
func bound(name string) int {
	if n, ok := maxima[name]; ok {
		return n
	}
	return MaxHeader
}

// checkValue refuses what is too long for the named header, or no plain text.
func checkValue(name, value string) error {
	if limit := bound(name); len(value) > limit {
		return fmt.Errorf("%w: %s has %d bytes, at most %d are allowed", ErrTooLong, name, len(value), limit)
	}
	if !utf8.ValidString(value) || strings.ContainsFunc(value, isControl) {
		return fmt.Errorf("%w: %s is no plain text", ErrInvalid, name)
	}
	return nil
}

// CheckHeader says why value cannot be sent as the named header; an empty one can, by being left out.
//
// Errors: ErrTooLong and ErrInvalid name the header and, where there is one, the bound and the value's size.
func CheckHeader(name, value string) error { return checkValue(name, value) }

func isControl(r rune) bool { return r < 0x20 || (r >= 0x7f && r <= 0x9f) }

// writer collects headers in the order they are added and keeps the first error.
type writer struct {
	headers []Header
	err     error
}

// required adds a header that must have a value.
func (w *writer) required(name, value string) {
	if value == "" && w.err == nil {
		w.err = fmt.Errorf("%w: %s", ErrMissing, name)
	}
	w.optional(name, value)
}

// optional adds a header unless its value is empty.
func (w *writer) optional(name, value string) {
	if value == "" || w.err != nil {
		return
	}
	if w.err = checkValue(name, value); w.err == nil {
		w.headers = append(w.headers, Header{Key: name, Value: []byte(value)})
	}
}

// count adds a number that counts from 1.
func (w *writer) count(name string, n int32) {
	if n < 1 && w.err == nil {
		w.err = fmt.Errorf("%w: %s is %d, it counts from 1", ErrInvalid, name, n)
	}
	w.optional(name, strconv.FormatInt(int64(n), 10))
}

// instant adds a time in whole seconds, UTC; a zero one is left out.
func (w *writer) instant(name string, t time.Time) {
	if !t.IsZero() {
		w.optional(name, FormatTime(t))
	}
}

// FormatTime writes a time the way the contract does: RFC 3339, UTC, whole seconds.
func FormatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
