package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
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

// keep returns the part of a reply's body that the definition keeps, or why the body is refused. An empty body is {}.
func (d *decision) keep(def *step, body []byte) (*runtime.RawExtension, failureBody) {
	if len(body) > v1alpha1.MaxOutputBytes {
		return nil, failureBody{code: v1alpha1.CodeOutputTooLarge,
			message: fmt.Sprintf("the reply has %d bytes, at most %d are taken", len(body), v1alpha1.MaxOutputBytes)}
	}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, failureBody{}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, failureBody{code: v1alpha1.CodeUnreadable, message: "the reply's body is no JSON object"}
	}
	if def.output != nil {
		selectKeys(fields, def.output)
	}
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

func selectKeys(fields map[string]json.RawMessage, keys []string) {
	kept := make(map[string]bool, len(keys))
	for _, k := range keys {
		kept[k] = true
	}
	for k := range fields {
		if !kept[k] {
			delete(fields, k)
		}
	}
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
