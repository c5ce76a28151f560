package casetest

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// SagaTest is a document of cases about one definition. It is read by `kubectl saga test` only: no cluster knows its kind.
type SagaTest struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        Metadata `json:"metadata"`
	Definition      string   `json:"definition"` // name of the SagaDefinition, which stands in one of the files or beside this one
	Cases           []Case   `json:"cases"`
}

// Metadata names the document.
type Metadata struct {
	Name string `json:"name"`
}

// Case is one run of a saga: what it is started with, what happens to it and what must come of it.
type Case struct {
	Name string `json:"name"`

	// At most one of params, saga and order says what the saga is started with. saga and order name a Saga or an OrderWorkflow of
	// the files.
	Params *runtime.RawExtension `json:"params,omitempty"`
	Saga   string                `json:"saga,omitempty"`
	Order  string                `json:"order,omitempty"`

	BusinessKey    string                 `json:"businessKey,omitempty"`
	IdempotencyKey string                 `json:"idempotencyKey,omitempty"`
	OnKeyUsed      v1alpha1.KeyUsedPolicy `json:"onKeyUsed,omitempty"`
	Start          *metav1.Time           `json:"start,omitempty"` // of the case's clock; 2026-01-01T00:00:00Z by default
	Until          *metav1.Duration       `json:"until,omitempty"` // when to stop; by default when nothing happens any more

	Answers   []Answer   `json:"answers,omitempty"`
	Events    []Event    `json:"events,omitempty"`
	Requests  []Request  `json:"requests,omitempty"`
	Decisions []Decision `json:"decisions,omitempty"`

	Expect Expectation `json:"expect"`
}

// Answer is what a participant answers to the commands of a step. The first one that fits a command is given; without one, the
// participant answers succeeded: with the smallest body that the step's outputSchema accepts or, where it has none, with the keys
// that the definition's expressions read of it.
type Answer struct {
	Step         string `json:"step"`
	Compensation bool   `json:"compensation,omitempty"` // to the undoing of the step instead of to its action
	Attempt      int32  `json:"attempt,omitempty"`      // to this attempt only
	Round        int32  `json:"round,omitempty"`        // in this round only

	Outcome    Outcome               `json:"outcome,omitempty"` // succeeded by default
	Body       *runtime.RawExtension `json:"body,omitempty"`    // for failed and retry by default code, message and retryAfter
	Code       string                `json:"code,omitempty"`
	Message    string                `json:"message,omitempty"`
	RetryAfter *metav1.Duration      `json:"retryAfter,omitempty"` // retry only
	DataSchema string                `json:"dataSchema,omitempty"` // the body's version
	After      *metav1.Duration      `json:"after,omitempty"`      // how long after the command; at once by default
}

// Outcome is what is answered, or that nothing is.
type Outcome string

// Silent means that nobody answers.
const Silent Outcome = "silent"

// Moment says when something happens: exactly one of its fields.
type Moment struct {
	At         *metav1.Duration `json:"at,omitempty"`         // so long after the start
	AfterStep  string           `json:"afterStep,omitempty"`  // once this step is done or has failed
	DuringStep string           `json:"duringStep,omitempty"` // once this step has started
}

// Event is an event of a participant.
type Event struct {
	Moment `json:",inline"`

	Type          string                `json:"type"`              // <participant>.<event>
	Key           *string               `json:"key,omitempty"`     // what correlates it; the business key by default
	Data          *runtime.RawExtension `json:"data,omitempty"`    // {} by default
	ID            string                `json:"id,omitempty"`      // one of its own by default
	Source        string                `json:"source,omitempty"`  // /<participant> by default
	Subject       string                `json:"subject,omitempty"` // none by default
	DataSchema    string                `json:"dataSchema,omitempty"`
	CorrelationID string                `json:"correlationId,omitempty"` // the key by default
	Ignored       bool                  `json:"ignored,omitempty"`       // the saga must not take it; by default it must
}

// Request is what a person or a Git tool asks of the saga.
type Request struct {
	Moment `json:",inline"`

	Request string `json:"request"` // Abort, Adopt, Delete, Suspend or Resume
}

// Decision is what a person decides about a step that waits: at its moment or, without one, as soon as the step waits.
type Decision struct {
	Moment `json:",inline"`

	Step   string                    `json:"step"`
	Action v1alpha1.ResolutionAction `json:"action"`
	Output *runtime.RawExtension     `json:"output,omitempty"`
	By     string                    `json:"by,omitempty"`     // somebody by default
	Reason string                    `json:"reason,omitempty"` // the case's name by default
}

// Expectation is what must come of a case. Only end is required.
type Expectation struct {
	End      v1alpha1.SagaPhase            `json:"end"`
	Reason   string                        `json:"reason,omitempty"`   // why the saga is Rejected
	Commands []Message                     `json:"commands,omitempty"` // all that is sent, events included, in order; [] means nothing
	AnyOrder bool                          `json:"anyOrder,omitempty"` // commands in whatever order
	Steps    map[string]v1alpha1.StepState `json:"steps,omitempty"`
	Cause    *Cause                        `json:"cause,omitempty"`
	Outputs  *runtime.RawExtension         `json:"outputs,omitempty"` // of the saga, all of them
	Within   *metav1.Duration              `json:"within,omitempty"`  // the time, on the case's clock, by which it has ended
}

// Message is a command or an event that the saga sends. A text stands for its type.
type Message struct {
	Type         string                `json:"type"` // <participant>.<command or event>
	Step         string                `json:"step,omitempty"`
	Compensation *bool                 `json:"compensation,omitempty"`
	Attempt      int32                 `json:"attempt,omitempty"`
	Round        int32                 `json:"round,omitempty"`
	Data         *runtime.RawExtension `json:"data,omitempty"`      // part of its data: what is not named may be anything
	ExactData    *runtime.RawExtension `json:"exactData,omitempty"` // all of its data
}

// Cause is why the saga goes back. What is not named may be anything.
type Cause struct {
	Reason string `json:"reason,omitempty"`
	Step   string `json:"step,omitempty"`
	Code   string `json:"code,omitempty"`
}
