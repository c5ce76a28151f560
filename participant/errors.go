package participant

import (
	"errors"
	"fmt"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// ErrMalformed is what Process returns for a message that is no command: nobody can be answered.
var ErrMalformed = errors.New("message is no command")

// ErrInvalidEvent is what Publish returns for an event that breaks the contract: it won't be taken however often it is tried.
var ErrInvalidEvent = errors.New("event breaks the contract")

var (
	errNoObject      = errors.New("is no JSON object")
	errNoCorrelation = errors.New("the event's CorrelationID is required")
)

// Codes in the body of a failed or retry answer that the package itself gives.
const (
	CodeKeyUsed        = wire.CodeKeyUsed // another saga has used this idempotency key
	CodeUndone         = wire.CodeUndone  // the action was undone, or its undoing came first
	CodeExpired        = wire.CodeExpired // the command came after its expiry time
	CodeInvalidInput   = "INVALID_INPUT"  // the command's data does not fit the handler
	CodeInvalidOutput  = "InvalidOutput"  // the handler's output, or an event that it publishes, breaks the contract
	CodeUnknownCommand = "UnknownCommand" // no handler is registered for the command
	CodeTransient      = "Transient"      // the handler did not get through; ask again
)

// failure is a business failure.
type failure struct {
	code, message string
	err           error // what it is, for errors.Is; or nil
}

func (f *failure) Error() string { return f.code + ": " + f.message }
func (f *failure) Unwrap() error { return f.err }

// Fail is a business failure: nothing was done, and won't be. A handler returns it, wrapped or not; what it wrote in
// its transaction is rolled back and the answer is stored. code is for programs, message for people.
func Fail(code, message string) error { return &failure{code: code, message: message} }

// transientFailure asks for another attempt.
type transientFailure struct {
	after time.Duration
	err   error
}

func (t *transientFailure) Error() string {
	if t.err == nil {
		return fmt.Sprintf("retry after %s", t.after)
	}
	return fmt.Sprintf("retry after %s: %v", t.after, t.err)
}

func (t *transientFailure) Unwrap() error { return t.err }

// RetryAfter is a transient failure: what the handler wrote is rolled back, nothing is stored, and the saga is asked
// to wait at least d (rounded up to whole seconds) before it tries again. Any other error means the same without d.
func RetryAfter(d time.Duration, err error) error { return &transientFailure{after: d, err: err} }
