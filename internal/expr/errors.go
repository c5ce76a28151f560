package expr

import (
	"errors"
	"fmt"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// What callers branch on, with errors.Is.
var (
	ErrCompile   = errors.New("expression is not valid")        // only a change of the definition mends it
	ErrReference = errors.New("reference is not allowed")       // an ErrCompile: a later, unknown or unguarded step
	ErrRender    = errors.New("expression cannot be evaluated") // with these values
	ErrTooLarge  = engine.ErrTooLarge                           // an ErrCompile or ErrRender
	ErrCost      = errors.New("expression costs too much")      // an ErrRender
	ErrSchema    = errors.New("schema is not valid")            // only a change of the definition mends it
	ErrInvalid   = errors.New("parameters break the schema")
	ErrOutput    = errors.New("the output breaks its schema")
)

// Error is a message for the person who wrote a template. It reads `path: line:column: message`, of which the
// first two are left out where there is nothing to say.
type Error struct {
	Path    string // place of the value within the template, such as lines[2].sku; empty for the whole
	Line    int    // within the expression, from 1; 0 where the message is not about a place in it
	Column  int    // in characters, from 1
	Message string
	kinds   []error
}

// Error returns the message with its place.
func (e *Error) Error() string {
	text := e.Message
	if e.Line > 0 {
		text = fmt.Sprintf("%d:%d: %s", e.Line, e.Column, text)
	}
	if e.Path == "" {
		return text
	}
	return e.Path + ": " + text
}

// In returns the error with path put before its own: In("steps[2].action.input") gives
// `steps[2].action.input.orderId: 1:8: …`.
func (e *Error) In(path string) error {
	moved := *e
	moved.Path = join(path, e.Path)
	return &moved
}

// Unwrap returns the sentinels that the error matches.
func (e *Error) Unwrap() []error { return e.kinds }

func compileError(format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), kinds: []error{ErrCompile}}
}

func referenceError(format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), kinds: []error{ErrCompile, ErrReference}}
}

func renderError(format string, args ...any) *Error {
	return &Error{Message: fmt.Sprintf(format, args...), kinds: []error{ErrRender}}
}

func costError(limit uint64) *Error {
	e := renderError("evaluating costs more than the limit of %d units: make the expression simpler, or give it less data", limit)
	e.kinds = append(e.kinds, ErrCost)
	return e
}

func tooLargeError(size int) *Error {
	is := fmt.Sprintf("%d bytes", size)
	if size > maxCounted {
		is = fmt.Sprintf("more than %d bytes", maxCounted)
	}
	e := renderError("renders to %s, at most %d are allowed", is, MaxResult)
	e.kinds = append(e.kinds, ErrTooLarge)
	return e
}

// at returns the error with its place filled in; a place that is known already stays.
func (e *Error) at(path string) *Error {
	if e.Path == "" {
		e.Path = path
	}
	return e
}
