package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// RecoveryType says how a step recovers from failure.
//
// +kubebuilder:validation:Enum=Compensatable;Pivot;Retriable
type RecoveryType string

const (
	// RecoveryCompensatable steps may be undone; they stand before the pivot.
	RecoveryCompensatable RecoveryType = "Compensatable"
	// RecoveryPivot is the point of no return.
	RecoveryPivot RecoveryType = "Pivot"
	// RecoveryRetriable steps stand after the pivot and must succeed by being retried.
	RecoveryRetriable RecoveryType = "Retriable"
)

// CompensationPolicy says whether a step has something to undo.
//
// +kubebuilder:validation:Enum=Run;None
type CompensationPolicy string

const (
	// CompensationRun sends the compensation's command.
	CompensationRun CompensationPolicy = "Run"
	// CompensationNone says on purpose that the step changes nothing.
	CompensationNone CompensationPolicy = "None"
)

// FailurePolicy says what the failure of a step means for its saga.
//
// +kubebuilder:validation:Enum=Compensate;Continue
type FailurePolicy string

const (
	// FailureCompensate turns the saga back.
	FailureCompensate FailurePolicy = "Compensate"
	// FailureContinue undoes what the step may have done, and lets the rest go on.
	FailureContinue FailurePolicy = "Continue"
)

// DeliveryPolicy says how often an event may reach its topic.
//
// +kubebuilder:validation:Enum=AtLeastOnce;AtMostOnce
type DeliveryPolicy string

const (
	// DeliveryAtLeastOnce sends the event until the broker has acknowledged it.
	DeliveryAtLeastOnce DeliveryPolicy = "AtLeastOnce"
	// DeliveryAtMostOnce sends the event once, after the step counts as done: a crash or an outage may lose it.
	DeliveryAtMostOnce DeliveryPolicy = "AtMostOnce"
)

// Step is one unit of work, done by one participant.
type Step struct {
	// name tells the step from the others of its definition. It is part of the idempotency keys of its commands.
	// A DNS label of at most 63 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// recovery says how the step recovers: Compensatable (may be undone), Pivot (the point of no return: once it is
	// done the saga only goes forward) or Retriable (after the point of no return; must succeed by being retried).
	// Defaults to Compensatable.
	// +optional
	// +kubebuilder:default=Compensatable
	Recovery RecoveryType `json:"recovery,omitempty"`

	// participant names the SagaParticipant, in the saga's namespace, that executes the step's commands, or on whose events topic
	// its event is published or awaited. A DNS label of at most 63 characters. Required, but for a delay or an approval
	// that has nothing to undo.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Participant string `json:"participant,omitempty"`

	// dependsOn names the steps that must be done before this one starts, all of them listed earlier. As soon as a step of
	// a definition has it, steps without it start at once. From 1 to 16, each once. Defaults to the step before this one.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.all(d, self.exists_one(e, e == d))",message="dependsOn names each step once"
	DependsOn []string `json:"dependsOn,omitempty"`

	// when is a CEL expression, true or false, over params, saga and `steps['<an earlier step>'].output`. Where it is false when the
	// step's turn comes, the step is skipped: it counts as done, has no output, and is not undone. At most 2048 characters.
	// Defaults to true.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	When string `json:"when,omitempty"`

	// onFailure says what the failure of the step means for the saga: Compensate (it is undone) or Continue (an optional step: the
	// failure is recorded, what the step may have done is undone, and the rest goes on). Continue goes with a Compensatable step
	// only. Defaults to Compensate.
	// +optional
	OnFailure FailurePolicy `json:"onFailure,omitempty"`

	// action is the command that does the step's work. Exactly one of action, publish, await, delay and approval must be set.
	// +optional
	Action *Action `json:"action,omitempty"`

	// publish is an event that announces something; nobody answers it. The step is done once the broker has it.
	// Exactly one of action, publish, await, delay and approval must be set.
	// +optional
	Publish *Publish `json:"publish,omitempty"`

	// await waits for an event of the participant. Exactly one of action, publish, await, delay and approval must be set.
	// +optional
	Await *Await `json:"await,omitempty"`

	// delay waits for a time. Exactly one of action, publish, await, delay and approval must be set.
	// +optional
	Delay *Delay `json:"delay,omitempty"`

	// approval waits for a person, who decides in spec.resolutions of the saga. Exactly one of action, publish, await, delay and
	// approval must be set.
	// +optional
	Approval *Approval `json:"approval,omitempty"`

	// compensation is what undoes the step: a command, or an event. A Compensatable step with an action or an event must have one, or
	// say {policy: None} because it changes nothing; a Pivot or Retriable step has none.
	// +optional
	Compensation *Compensation `json:"compensation,omitempty"`
}

// Action is a command with its input, its time limit per attempt and its retries.
type Action struct {
	// command is what the participant is asked to do; the message's type is `<participant>.<command>`.
	// Lower case letters, digits and dashes, at most 63 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Command string `json:"command"`

	// input is the command's data: an object whose string values may hold ${…} expressions (CEL) over params, saga and
	// `steps['<an earlier step>'].output`. Rendered it has at most 16 KiB. Defaults to an empty object.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Input *runtime.RawExtension `json:"input,omitempty"`

	// timeout is how long one attempt may take, from the broker's acknowledgement of its command to the reading of its
	// reply. Once it has passed the outcome is unknown: the step is tried again under the same idempotency key until its
	// retries end, and is then undone as if it had taken effect.
	// Unit: a duration such as 30s. Defaults to 30s; from 1s to 24h.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="timeout must be from 1s to 24h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// retry says how often and how soon a command that failed transiently, or that nobody answered, is sent again.
	// The wait before attempt n+1 is initialBackoff × (backoffPercent/100)^(n−1), shifted by up to jitterPercent either
	// way, at most maxBackoff, in whole seconds, rounded up. Defaults to the defaults of its fields.
	// +optional
	// +kubebuilder:default={}
	Retry *RetryPolicy `json:"retry,omitempty"`

	// output names the keys of the reply that are kept in status for later steps. At most 32. Without it
	// the whole reply is kept; an empty list keeps nothing.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Output []string `json:"output,omitzero"`

	// outputSchema is a JSON Schema (draft 2020-12) that the reply must match. A reply that breaks it did take effect: a
	// Compensatable step is undone, a Pivot or Retriable step counts as done, without output. At most 32 KiB. Defaults to any object.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	OutputSchema *runtime.RawExtension `json:"outputSchema,omitempty"`

	// upcasts turn replies of older versions into the present form, before outputSchema and output. At most 8. Defaults to none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(u, self.exists_one(v, v.dataSchema == u.dataSchema))",message="there can be only one upcast for a dataSchema"
	Upcasts []Upcast `json:"upcasts,omitempty"`

	// events are the events by which the participant tells, in mode Observed, what came of the action.
	// Defaults to `<command>-succeeded` and `<command>-failed`.
	// +optional
	Events *ActionEvents `json:"events,omitempty"`
}

// ActionEvents are the events that complete or fail an action in mode Observed.
//
// +kubebuilder:validation:XValidation:rule="!has(self.succeeded) || !has(self.failed) || self.succeeded != self.failed",message="succeeded and failed must be two events"
type ActionEvents struct {
	// succeeded is the event that completes the step; the message's type is `<participant>.<event>`, its data the step's output.
	// Lower case letters, digits and dashes, at most 80 characters. Defaults to `<command>-succeeded`.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=80
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Succeeded string `json:"succeeded,omitempty"`

	// failed is the event that fails the step; its data may hold code and message.
	// Lower case letters, digits and dashes, at most 80 characters. Defaults to `<command>-failed`.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=80
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Failed string `json:"failed,omitempty"`
}

// Upcast turns data of an older version into the present form.
type Upcast struct {
	// dataSchema is the version that it is for: the dataschema attribute (ce_dataschema) of the reply or event. At most 253 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	DataSchema string `json:"dataSchema"`

	// output is the present form: an object whose string values may hold ${…} expressions (CEL) over data, params and saga.
	// +required
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Output *runtime.RawExtension `json:"output"`
}

// Await waits for an event of the step's participant. An event that came before the step started counts, too.
type Await struct {
	// event is what is awaited; the message's type is `<participant>.<event>`.
	// Lower case letters, digits and dashes, at most 80 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=80
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Event string `json:"event"`

	// key is what the event must be correlated by: a text that may hold ${…} expressions (CEL) over params and saga. It is compared
	// with what eventKey of the participant reads from the event. At most 1024 characters. Defaults to the saga's business key.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Key string `json:"key,omitempty"`

	// filter is a CEL expression, true or false, over event, params, saga and `steps['<an earlier step>'].output`: events for which it is
	// false, or fails, are passed over. At most 2048 characters. Defaults to true.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Filter string `json:"filter,omitempty"`

	// timeout is how long the event is waited for. Past it a Compensatable step fails, or is undone where it has a
	// compensation; a Pivot or Retriable step waits for a person. The saga's deadline stands still meanwhile.
	// Unit: a duration such as 72h. From 1s to 8784h (366 days).
	// +required
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('8784h')",message="timeout must be from 1s to 8784h"
	Timeout *metav1.Duration `json:"timeout"`

	// output names the keys of the event's data that are kept in status for later steps. At most 32. Without it all data is kept;
	// an empty list keeps nothing.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Output []string `json:"output,omitzero"`

	// outputSchema is a JSON Schema (draft 2020-12) that the event's data must match; it is judged as the reply of an action is.
	// At most 32 KiB. Defaults to any object.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	OutputSchema *runtime.RawExtension `json:"outputSchema,omitempty"`

	// upcasts turn events of older versions into the present form, before filter, outputSchema and output. At most 8. Defaults to none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:XValidation:rule="self.all(u, self.exists_one(v, v.dataSchema == u.dataSchema))",message="there can be only one upcast for a dataSchema"
	Upcasts []Upcast `json:"upcasts,omitempty"`
}

// Delay waits for a time. The saga's deadline stands still meanwhile.
//
// +kubebuilder:validation:XValidation:rule="has(self.__for__) != has(self.until)",message="a delay needs exactly one of for and until"
type Delay struct {
	// for is how long to wait from the step's start.
	// Unit: a duration such as 24h. From 1s to 8784h (366 days). Exactly one of for and until must be set.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('8784h')",message="for must be from 1s to 8784h"
	For *metav1.Duration `json:"for,omitempty"`

	// until is when to go on: a text that may hold ${…} expressions (CEL) over params, saga and `steps['<an earlier step>'].output`, and
	// is a time such as 2026-12-24T18:00:00Z once rendered. A time that has passed ends the delay at once; one that is more than 366 days
	// away fails the step. At most 1024 characters. Exactly one of for and until must be set.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Until string `json:"until,omitempty"`
}

// Approval waits for a person, who decides in spec.resolutions: MarkDone approves, Compensate declines, Skip goes on without, and
// Retry begins the timeout anew. The saga's deadline stands still meanwhile.
type Approval struct {
	// approvers is how many different people must approve. Each decides under a number of their own, which status shows.
	// From 1 to 2. Defaults to 1.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=2
	Approvers *int32 `json:"approvers,omitempty"`

	// message says what is to be approved: a text that may hold ${…} expressions (CEL) over params, saga and
	// `steps['<an earlier step>'].output`. At most 1024 characters, of which status shows 256 once rendered. Defaults to none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Message string `json:"message,omitempty"`

	// timeout is how long the decision is waited for. Past it a Compensatable or Pivot step fails; a Retriable step waits on, for a
	// person, as NeedsIntervention. Unit: a duration such as 72h. From 1s to 8784h (366 days). Defaults to 8784h.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('8784h')",message="timeout must be from 1s to 8784h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`
}

// Publish is an event on the participant's events topic.
type Publish struct {
	// event is what is announced; the message's type is `<participant>.<event>`.
	// Lower case letters, digits and dashes, at most 63 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Event string `json:"event"`

	// data is the event's data: an object whose string values may hold ${…} expressions (CEL) over params, saga and
	// `steps['<an earlier step>'].output`. Rendered it has at most 16 KiB. Defaults to an empty object.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Data *runtime.RawExtension `json:"data,omitempty"`

	// delivery says how often the event may reach its topic: AtLeastOnce (it is sent until the broker has acknowledged it, with the
	// same id each time) or AtMostOnce (it is sent once, and a crash or an outage may lose it). Defaults to AtLeastOnce.
	// +optional
	Delivery DeliveryPolicy `json:"delivery,omitempty"`
}

// Compensation is what undoes a step: a command, or an event.
//
// +kubebuilder:validation:XValidation:rule="!has(self.publish) || !has(dyn(self).input)",message="the event that undoes a step has data of its own: write publish.data instead of input"
type Compensation struct {
	// policy says whether there is something to undo: Run (send the command) or None (the action changes nothing).
	// Defaults to Run.
	// +optional
	// +kubebuilder:default=Run
	Policy CompensationPolicy `json:"policy,omitempty"`

	// command is what the participant is asked to do; the message's type is `<participant>.<command>`. Exactly one of command, publish
	// and policy None must be given. Lower case letters, digits and dashes, at most 63 characters.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Command string `json:"command,omitempty"`

	// publish is an event that takes the step back; nobody answers it. The step is undone once the broker has it. Its data may
	// read its own step's output only optionally. It is delivered at least once.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.delivery) || self.delivery == 'AtLeastOnce'",message="what undoes a step is delivered AtLeastOnce"
	Publish *Publish `json:"publish,omitempty"`

	// input is the command's data, as that of an action. It may read its own step's output only optionally, as
	// ${steps['<step>'].?output.?id.orValue('')}: after a timeout there is none. Defaults to the action's input.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Input *runtime.RawExtension `json:"input,omitempty"`

	// timeout is how long one attempt may take, from the broker's acknowledgement of its command to the reading of its
	// reply. Unit: a duration such as 30s. Defaults to 30s; from 1s to 24h.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="timeout must be from 1s to 24h"
	Timeout *metav1.Duration `json:"timeout,omitempty"`

	// retry says how often and how soon the compensation is sent again. When its attempts end, the saga waits for a person.
	// The wait before attempt n+1 is initialBackoff × (backoffPercent/100)^(n−1), shifted by up to jitterPercent either
	// way, at most maxBackoff, in whole seconds, rounded up. Defaults to the defaults of its fields.
	// +optional
	// +kubebuilder:default={}
	Retry *RetryPolicy `json:"retry,omitempty"`
}

// RetryPolicy spaces the attempts of one command. The wait before attempt n+1 is initialBackoff × (backoffPercent/100)^(n−1),
// shifted by up to jitterPercent either way, at most maxBackoff, in whole seconds, rounded up.
type RetryPolicy struct {
	// maxAttempts is how often the command is sent at most, the first time included. Defaults to 5 for the action of a
	// Compensatable step and to 10 for a compensation; a Pivot or Retriable step is retried without limit. From 1 to 1000.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	MaxAttempts *int32 `json:"maxAttempts,omitempty"`

	// initialBackoff is the wait before the second attempt.
	// Unit: a duration such as 1s. Defaults to 1s; from 1s to 1h.
	// +optional
	// +kubebuilder:default="1s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('1h')",message="initialBackoff must be from 1s to 1h"
	InitialBackoff *metav1.Duration `json:"initialBackoff,omitempty"`

	// maxBackoff is the longest wait between two attempts, also where a participant asks for a longer one.
	// Unit: a duration such as 30s. Defaults to 30s; from 1s to 24h.
	// +optional
	// +kubebuilder:default="30s"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="maxBackoff must be from 1s to 24h"
	MaxBackoff *metav1.Duration `json:"maxBackoff,omitempty"`

	// backoffPercent is how long each wait is, compared with the one before it.
	// Unit: percent. Defaults to 200 (each wait is twice as long); from 100 to 1000.
	// +optional
	// +kubebuilder:default=200
	// +kubebuilder:validation:Minimum=100
	// +kubebuilder:validation:Maximum=1000
	BackoffPercent *int32 `json:"backoffPercent,omitempty"`

	// jitterPercent is by how much a wait may be shorter or longer, so that sagas that failed together do not return
	// together. It is drawn from the command's id: the same attempt always waits equally long.
	// Unit: percent. Defaults to 20; from 0 to 100.
	// +optional
	// +kubebuilder:default=20
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	JitterPercent *int32 `json:"jitterPercent,omitempty"`

	// retryable are the codes of answers `failed` that are tried again all the same: after the wait, in a next round under a new
	// idempotency key, as long as attempts are left. At most 32 codes of at most 63 characters. Defaults to none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	Retryable []string `json:"retryable,omitempty"`

	// nonRetryable are the codes of answers `retry` that end the attempts at once, as if they had been used up.
	// At most 32 codes of at most 63 characters. Defaults to none.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	NonRetryable []string `json:"nonRetryable,omitempty"`
}
