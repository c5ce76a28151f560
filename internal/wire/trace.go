package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// trace adds the trace context. Where none is given, or none that others could read, one is derived: trace id
// from the saga, span id from the message, not sampled. A trace never keeps a message from being sent.
func (w *writer) trace(parent, state, uid, id string) {
	if !validTraceParent(parent) {
		parent, state = derivedTraceParent(uid, id), ""
	}
	w.required(HeaderTraceParent, parent)
	if checkValue(HeaderTraceState, state) == nil {
		w.optional(HeaderTraceState, state)
	}
}

// trace reads the trace context, or derives one like the writer does.
func (r *reader) trace(uid, id string) (parent, state string) {
	parent, state = r.values[HeaderTraceParent], r.values[HeaderTraceState]
	if !validTraceParent(parent) {
		return derivedTraceParent(uid, id), ""
	}
	if checkValue(HeaderTraceState, state) != nil {
		state = ""
	}
	return parent, state
}

// derivedTraceParent makes a valid W3C traceparent without the sampled flag.
func derivedTraceParent(uid, id string) string {
	trace, span := sha256.Sum256([]byte(uid)), sha256.Sum256([]byte(id))
	return "00-" + hex.EncodeToString(trace[:16]) + "-" + hex.EncodeToString(span[:8]) + "-00"
}

// validTraceParent follows W3C Trace Context, level 1: later versions may append fields.
func validTraceParent(s string) bool {
	if checkValue(HeaderTraceParent, s) != nil || len(s) < 55 {
		return false
	}
	parts := strings.Split(s, "-")
	if len(parts) < 4 || (parts[0] == "00" && len(parts) != 4) || parts[0] == "ff" {
		return false
	}
	for i, length := range []int{2, 32, 16, 2} {
		if len(parts[i]) != length || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return false
		}
	}
	return strings.Trim(parts[1], "0") != "" && strings.Trim(parts[2], "0") != ""
}
