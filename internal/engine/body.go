package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

const (
	maxCode    = 63
	maxMessage = 256
)

// failureBody is what a participant says about a failure.
type failureBody struct {
	code, message string
	retryAfter    time.Duration
}

// readFailure reads the body of failed or retry. One that cannot be read leaves the outcome as it is, with code Unreadable.
func readFailure(body []byte) failureBody {
	if len(bytes.TrimSpace(body)) == 0 {
		return failureBody{}
	}
	var b struct {
		Code       string `json:"code"`
		Message    string `json:"message"`
		RetryAfter int64  `json:"retryAfter"`
	}
	if len(body) > v1alpha1.MaxOutputBytes || json.Unmarshal(body, &b) != nil {
		return failureBody{code: v1alpha1.CodeUnreadable, message: "the reply's body is no JSON object of at most 16 KiB"}
	}
	after := min(max(b.RetryAfter, 0), int64(24*time.Hour/time.Second))
	return failureBody{code: clip(b.Code, maxCode), message: clip(b.Message, maxMessage), retryAfter: time.Duration(after) * time.Second}
}

// failureOf reads why step i failed. Whose the key is, only the answer to a command says: an event speaks to everybody.
func (d *decision) failureOf(i int, body []byte) failureBody {
	f := readFailure(body)
	if f.code == v1alpha1.CodeKeyUsed && !d.asks(i) {
		f.code = ""
	}
	return f
}

// keep returns the part of a reply's or event's body that the definition keeps, or why the body is refused. An empty body is {}.
// dataSchema is the body's version; one that the definition knows how to upcast is brought into the present form first.
func (d *decision) keep(def *step, raw []byte, dataSchema string) (*runtime.RawExtension, failureBody) {
	if len(raw) > v1alpha1.MaxOutputBytes {
		return nil, failureBody{code: v1alpha1.CodeOutputTooLarge,
			message: fmt.Sprintf("the reply has %d bytes, at most %d are taken", len(raw), v1alpha1.MaxOutputBytes)}
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = []byte("{}")
	}
	if !isObject(raw) {
		return nil, failureBody{code: v1alpha1.CodeUnreadable, message: "the reply's body is no JSON object"}
	}
	raw, err := d.present(def, raw, dataSchema)
	if err == nil && def.body.schema != nil {
		err = def.body.schema.Validate(raw)
	}
	if err != nil {
		return nil, failureBody{code: v1alpha1.CodeOutputInvalid, message: clip(err.Error(), maxMessage)}
	}
	return d.fit(selected(raw, def.body.output))
}

// present brings a body of an older version into the present form.
func (d *decision) present(def *step, raw []byte, dataSchema string) ([]byte, error) {
	upcast := def.body.upcasts[dataSchema]
	if dataSchema == "" || upcast == nil {
		return raw, nil
	}
	values := d.values(d.s)
	values.Data = raw
	present, err := upcast.Render(values)
	if err != nil {
		return nil, fmt.Errorf("upcasting %s: %w", dataSchema, err)
	}
	return present, nil
}

// fit refuses what does not fit beside the other outputs.
func (d *decision) fit(fields map[string]json.RawMessage) (*runtime.RawExtension, failureBody) {
	if len(fields) == 0 {
		return nil, failureBody{}
	}
	kept, err := json.Marshal(fields)
	if err != nil {
		return nil, failureBody{code: v1alpha1.CodeUnreadable, message: "the reply's body is no JSON object"}
	}
	if total := len(kept) + outputBytes(d.s); total > v1alpha1.MaxOutputsBytes {
		return nil, failureBody{code: v1alpha1.CodeOutputTooLarge,
			message: fmt.Sprintf("with this reply all outputs have %d bytes, at most %d are kept", total, v1alpha1.MaxOutputsBytes)}
	}
	return &runtime.RawExtension{Raw: kept}, failureBody{}
}

// selected returns the members of an object that are kept: all, where keys is nil.
func selected(raw []byte, keys []string) map[string]json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return nil // the caller has seen to it that it is an object
	}
	if keys == nil {
		return fields
	}
	maps.DeleteFunc(fields, func(k string, _ json.RawMessage) bool { return !slices.Contains(keys, k) })
	return fields
}

func outputBytes(s *State) int {
	total := 0
	for i := range s.Steps {
		if out := s.Steps[i].Output; out != nil {
			total += len(out.Raw)
		}
	}
	return total
}

// earlyBytes is what the events take that are kept for steps that have not started.
func earlyBytes(s *State) int {
	total := 0
	for i := range s.Steps {
		for _, e := range s.Steps[i].Events {
			if e.Event != nil {
				total += len(e.Event.Raw)
			}
		}
	}
	return total
}

func isObject(raw []byte) bool {
	var fields map[string]json.RawMessage
	return json.Unmarshal(raw, &fields) == nil && fields != nil
}

// clip shortens s to at most n bytes of valid UTF-8 and marks that it did.
func clip(s string, n int) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) <= n {
		return s
	}
	const mark = "…"
	s = s[:n-len(mark)]
	for len(s) > 0 && !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s + mark
}
