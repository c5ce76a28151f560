package engine

import (
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Direction says whether a command does or undoes.
type Direction string

const (
	Forward  Direction = "forward"
	Backward Direction = "backward"
)

// Outcome is what a participant answered.
type Outcome string

const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
	Retry     Outcome = "retry"
)

// Event is something that happened: Started, Replied, Occurred, Published, Resolve, Ask or Fired.
type Event interface{ class() class }

// class orders the events of one decision; within a class they keep the order they came in.
type class int

const (
	classStart    class = iota
	classAdoption       // before replies: one that refuses the key then says what the adoption is about
	classReply
	classResolution
	classRequest
	classSuspend
	classTimer
)

// Started begins the saga.
type Started struct {
	Revision    string
	InputDigest string
}

// Replied is an answer of a participant.
type Replied struct {
	Step      string
	Direction Direction
	Round     int32
	Attempt   int32
	Outcome   Outcome
	Body      []byte // as it came; judged here

	DataSchema string // the body's version (ce_dataschema); empty: the present one
}

// Occurred is an event of a participant that the saga listens for, as Run.Listens says. It completes or fails at most one
// step: the first that it fits. One that comes before its step has started is kept.
type Occurred struct {
	Participant   string
	Type          string // <participant>.<event>
	Key           string // what the participant's eventKey reads from it
	Source, ID    string // together unique
	Subject       string
	CorrelationID string
	DataSchema    string
	Time          time.Time
	Data          []byte // a JSON object, or empty
}

// Listening is an event that a saga would take.
type Listening struct {
	Participant string
	Type        string // <participant>.<event>
	Key         string // what the event must be correlated by
}

// Published says that the broker has acknowledged an event: a publish step's or, backward, that of a compensation; or,
// where Step is empty, the announcement of the saga's Intervention-th wait for a person.
type Published struct {
	Step         string
	Direction    Direction // empty: Forward
	Intervention int32
}

// Request is what a person, a Git tool or the API server asks of a saga.
type Request string

const (
	Abort   Request = "Abort"
	Adopt   Request = "Adopt"
	Delete  Request = "Delete"
	Suspend Request = "Suspend"
	Resume  Request = "Resume"
)

// Asked is a request. Why says in words who asked for it, where the saga's own spec does not.
type Asked struct {
	Request Request
	Why     string
}

// Resolve is a person's decision about a step that waits.
type Resolve struct{ v1alpha1.Resolution }

// Fired says that a timer has run out.
type Fired struct{ Timer }

func (Started) class() class   { return classStart }
func (Replied) class() class   { return classReply }
func (Occurred) class() class  { return classReply }
func (Published) class() class { return classReply }
func (Resolve) class() class   { return classResolution }
func (Fired) class() class     { return classTimer }
func (a Asked) class() class {
	switch a.Request {
	case Adopt:
		return classAdoption
	case Suspend, Resume:
		return classSuspend
	case Abort, Delete:
	}
	return classRequest
}

// Verdict is what became of an event.
type Verdict int

const (
	// Applied events changed the state; they are settled once it is stored.
	Applied Verdict = iota
	// Settled events change nothing, now or ever: they may be dropped even on the word of an old copy.
	Settled
	// Unheard replies and acknowledgements answer what this copy of the state never asked: judge again on a live read.
	Unheard
	// Late replies report an effect that the saga can no longer undo: they belong into the dead-letter topic.
	Late
	// Refused requests do not fit what the saga waits for; a person should be told.
	Refused
)

// TimerKind says what a timer is for.
type TimerKind string

const (
	TimerDeadline TimerKind = "Deadline" // of the forward run
	TimerBackoff  TimerKind = "Backoff"  // until the next attempt
	TimerAttempt  TimerKind = "Attempt"  // of an attempt that waits for its answer
	TimerDue      TimerKind = "Due"      // of a delay that ends, or of an approval that is waited for no longer
	TimerAwait    TimerKind = "Await"    // of an event that is waited for no longer
)

// Timer is a moment to look again. At is absolute, except for TimerAttempt, where the caller's clock judges: the attempt
// ends Timeout after the latest of its acknowledgement by the broker, its re-sending after a restart and the
// moment since which replies can be read, and only once silence was heard. TimerAwait fires only once the events of
// Participant were read up to At.
type Timer struct {
	Kind      TimerKind
	Step      string
	Direction Direction
	Round     int32
	Attempt   int32
	At        time.Time
	Timeout   time.Duration

	Participant string // TimerAwait only
}
