package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// SagaPhase sums a saga up for people; programs wait on conditions.
//
// +kubebuilder:validation:Enum=Pending;Running;Completed;Compensating;Compensated;NeedsIntervention;Rejected
type SagaPhase string

const (
	PhasePending           SagaPhase = "Pending"           // not started yet
	PhaseRunning           SagaPhase = "Running"           // going forward
	PhaseCompleted         SagaPhase = "Completed"         // final: everything is done
	PhaseCompensating      SagaPhase = "Compensating"      // going backward
	PhaseCompensated       SagaPhase = "Compensated"       // final: everything is undone
	PhaseNeedsIntervention SagaPhase = "NeedsIntervention" // a person must decide
	PhaseRejected          SagaPhase = "Rejected"          // final: it could never start, nothing was sent
)

// StepState is where a step stands.
//
// +kubebuilder:validation:Enum=NotStarted;Running;Succeeded;Failed;Unknown;Skipped;Compensating;Compensated;NotCompensated;NeedsIntervention
type StepState string

const (
	StepNotStarted        StepState = "NotStarted"        // never sent
	StepRunning           StepState = "Running"           // its action is asked for, or will be again
	StepSucceeded         StepState = "Succeeded"         // took effect
	StepFailed            StepState = "Failed"            // did nothing, and won't: every attempt was answered
	StepUnknown           StepState = "Unknown"           // may have taken effect; will be undone
	StepSkipped           StepState = "Skipped"           // counts as done: its condition was false, or a person says so
	StepCompensating      StepState = "Compensating"      // is being undone
	StepCompensated       StepState = "Compensated"       // was undone, or needs no undoing
	StepNotCompensated    StepState = "NotCompensated"    // a person says that its effect stays
	StepNeedsIntervention StepState = "NeedsIntervention" // a person must decide
)

// ExchangeOutcome is what came of asking.
//
// +kubebuilder:validation:Enum=Waiting;Retrying;Succeeded;Failed;Unknown
type ExchangeOutcome string

const (
	ExchangeWaiting   ExchangeOutcome = "Waiting"   // asked, not answered
	ExchangeRetrying  ExchangeOutcome = "Retrying"  // will be asked again at retryTime
	ExchangeSucceeded ExchangeOutcome = "Succeeded" // done
	ExchangeFailed    ExchangeOutcome = "Failed"    // answered: did nothing, and won't
	ExchangeUnknown   ExchangeOutcome = "Unknown"   // attempts ended without an answer that settles it
)

// Latch is a request or event that was taken once and stays taken.
//
// +kubebuilder:validation:Enum=Abort;Adopt;Delete;DeadlineExceeded
type Latch string

const (
	LatchAbort            Latch = "Abort"
	LatchAdopt            Latch = "Adopt"
	LatchDelete           Latch = "Delete"
	LatchDeadlineExceeded Latch = "DeadlineExceeded"
)

// SagaState is what the engine stores of a saga and decides from, nothing else. It has no phase and no conditions:
// those are derived.
type SagaState struct {
	// rules is the version of the engine's rules that the saga started under.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Rules int32 `json:"rules,omitempty"`

	// decisionTime is the time of the last decision, in whole seconds. It never goes back.
	// +optional
	DecisionTime *metav1.Time `json:"decisionTime,omitempty"`

	// revision is the name of the ControllerRevision that the saga is pinned to; empty where the saga holds its own
	// definition. At most 253 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Revision string `json:"revision,omitempty"`

	// inputDigest is a digest of all that the saga runs: its definition, params and keys. On a mismatch nothing is sent.
	// At most 71 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=71
	InputDigest string `json:"inputDigest,omitempty"`

	// startTime is when the saga started.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// deadline is when the forward run must have ended; past it the saga goes backward.
	// +optional
	Deadline *metav1.Time `json:"deadline,omitempty"`

	// deadlineHeldTime is since when the deadline stands still: while the saga is suspended, or a delay, await or approval waits.
	// +optional
	DeadlineHeldTime *metav1.Time `json:"deadlineHeldTime,omitempty"`

	// suspendTime is since when forward commands are held back.
	// +optional
	SuspendTime *metav1.Time `json:"suspendTime,omitempty"`

	// endTime is when the saga was done or undone.
	// +optional
	EndTime *metav1.Time `json:"endTime,omitempty"`

	// latches are the requests and events that were taken for good: Abort, Adopt, Delete, DeadlineExceeded.
	// At most 4.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=4
	Latches []Latch `json:"latches,omitempty"`

	// cause says why the saga goes, or went, backward.
	// +optional
	Cause *Cause `json:"cause,omitempty"`

	// interventions is how often the saga has begun to wait for a person.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Interventions int32 `json:"interventions,omitempty"`

	// interventionTime is when the saga last began to wait for a person.
	// +optional
	InterventionTime *metav1.Time `json:"interventionTime,omitempty"`

	// announced is the last intervention whose event the broker has acknowledged.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Announced int32 `json:"announced,omitempty"`

	// outputs are what the definition's outputs came to once every step was done. At most 16 KiB.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Outputs *runtime.RawExtension `json:"outputs,omitempty"`

	// outputsMessage says why there are no outputs although the definition names some. At most 256 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	OutputsMessage string `json:"outputsMessage,omitempty"`

	// steps are the steps in the definition's order. At most 64; all outputs together have at most 64 KiB.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Steps []StepStatus `json:"steps,omitempty"`
}

// Cause says why a saga goes backward.
type Cause struct {
	// reason is StepFailed, OutcomeUnknown, DeadlineExceeded, Aborted or Deleted. At most 63 characters.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Reason string `json:"reason"`

	// step is the step that failed, where one did. At most 63 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Step string `json:"step,omitempty"`

	// code is what the participant answered, or the operator's own code. At most 63 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Code string `json:"code,omitempty"`

	// message is for people. At most 256 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}

// StepStatus is where one step stands and what was asked and answered.
type StepStatus struct {
	// name of the step. At most 63 characters.
	// +required
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`

	// state is where the step stands.
	// +required
	State StepState `json:"state"`

	// action is what came of doing it.
	// +optional
	Action *Exchange `json:"action,omitempty"`

	// output is what the participant answered, as far as the definition keeps it. At most 16 KiB.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Output *runtime.RawExtension `json:"output,omitempty"`

	// compensation is what came of undoing it.
	// +optional
	Compensation *Exchange `json:"compensation,omitempty"`

	// decision rises each time the step begins to wait for a person; spec.resolutions name it.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Decision int32 `json:"decision,omitempty"`

	// resolved is the last decision that was taken.
	// +optional
	Resolved *Resolved `json:"resolved,omitempty"`

	// approvedBy are those who have approved so far. At most 2.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=2
	// +kubebuilder:validation:items:MaxLength=253
	ApprovedBy []string `json:"approvedBy,omitempty"`

	// events are events that came before the step started and may count for it. At most 8.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	Events []EarlyEvent `json:"events,omitempty"`

	// eventID is the event that completed or failed the step, as a digest of its source and id. At most 64 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	EventID string `json:"eventID,omitempty"`
}

// EarlyEvent is an event that is kept until the step that it may be for starts.
type EarlyEvent struct {
	// eventID is a digest of the event's source and id. At most 64 characters.
	// +required
	// +kubebuilder:validation:MaxLength=64
	EventID string `json:"eventID"`

	// event is the event as expressions read it. At most 16 KiB.
	// +required
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Event *runtime.RawExtension `json:"event"`
}

// Resolved records a decision that was taken.
type Resolved struct {
	// decision is its number.
	// +required
	Decision int32 `json:"decision"`

	// action is what was decided.
	// +required
	Action ResolutionAction `json:"action"`

	// by says who decided. At most 253 characters.
	// +required
	// +kubebuilder:validation:MaxLength=253
	By string `json:"by"`

	// reason says why. At most 1024 characters.
	// +required
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`
}

// Exchange is the asking for one action or compensation, over all its rounds and attempts.
type Exchange struct {
	// outcome is what came of it so far.
	// +required
	Outcome ExchangeOutcome `json:"outcome"`

	// round counts from 1; a person's retry of what was answered failed begins the next, under a new idempotency key.
	// +required
	// +kubebuilder:validation:Minimum=1
	Round int32 `json:"round"`

	// attempt counts from 1 within the round; all attempts of a round share one idempotency key. 0: the round is planned, for
	// retryTime, and nothing was asked in it yet.
	// +required
	// +kubebuilder:validation:Minimum=0
	Attempt int32 `json:"attempt"`

	// prior is the number of attempts of earlier rounds that count against maxAttempts: those that were answered failed with a code
	// that is retried.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Prior int32 `json:"prior,omitempty"`

	// granted is the number of attempts that had been made when a person last decided to retry; maxAttempts counts from there.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Granted int32 `json:"granted,omitempty"`

	// unanswered is how many attempts of this round timed out.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Unanswered int32 `json:"unanswered,omitempty"`

	// startTime is when the current attempt was decided, in whole seconds.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// endTime is when the outcome was settled.
	// +optional
	EndTime *metav1.Time `json:"endTime,omitempty"`

	// retryTime is when the next attempt starts, while outcome is Retrying.
	// +optional
	RetryTime *metav1.Time `json:"retryTime,omitempty"`

	// dueTime is when a delay ends, or when an await or approval is waited for no longer.
	// +optional
	DueTime *metav1.Time `json:"dueTime,omitempty"`

	// expiryTime is the saga's deadline as it stood when the current attempt was decided.
	// +optional
	ExpiryTime *metav1.Time `json:"expiryTime,omitempty"`

	// causedBy is the command whose answer or silence led to the current attempt, as `<step>/<direction>/<round>/<attempt>`.
	// At most 120 characters. Absent where none did, and once the attempts have ended.
	// +optional
	// +kubebuilder:validation:MaxLength=120
	CausedBy string `json:"causedBy,omitempty"`

	// adopts says that the current attempt continues a lost run.
	// +optional
	Adopts bool `json:"adopts,omitempty"`

	// code is what the last failure was: the participant's code, or the operator's own. At most 63 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=63
	Code string `json:"code,omitempty"`

	// message is for people. At most 256 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Message string `json:"message,omitempty"`
}

// SagaStatus is what happened so far: the stored state, and its summary for people and programs.
type SagaStatus struct {
	// observedGeneration is the generation of the saga that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// phase sums the saga up: Pending, Running, Compensating, NeedsIntervention, or finally Completed, Compensated, Rejected.
	// +optional
	Phase SagaPhase `json:"phase,omitempty"`

	// progress is the number of forward steps that are done, of all: 1/4. At most 16 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=16
	Progress string `json:"progress,omitempty"`

	// waitingFor is what the saga waits for now, in a few words. At most 256 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=256
	WaitingFor string `json:"waitingFor,omitempty"`

	// concurrencyKey is what the key of the definition's concurrency came to: the saga is kept apart from others of its definition
	// that have the same. It stays as it was when the saga started. At most 253 characters. Empty where the definition asks for none.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	ConcurrencyKey string `json:"concurrencyKey,omitempty"`

	SagaState `json:",inline"`

	// conditions are always all six: Accepted, Ready, Stalled, Finished, Compensating, Suspended.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
