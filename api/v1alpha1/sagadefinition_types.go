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

// SagaDefinitionSpec describes a distributed transaction: its steps, the schema of its parameters and how long it may take.
type SagaDefinitionSpec struct {
	// deadline is how long the forward run may take, from its first command. Past it the saga goes backward; the undoing
	// and all that follows the point of no return know no deadline.
	// Unit: a duration such as 15m. Without it there is no deadline; from 1s to 8784h (366 days).
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('8784h')",message="deadline must be from 1s to 8784h"
	Deadline *metav1.Duration `json:"deadline,omitempty"`

	// parameters is a JSON Schema (draft 2020-12) that the params of a saga must match when it starts. It may not refer
	// to anything outside itself. At most 32 KiB. Without it any object is taken.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Parameters *runtime.RawExtension `json:"parameters,omitempty"`

	// steps are the units of work, each started after the one before it has ended. They read
	// Compensatable*, then at most one Pivot, then Retriable*. From 1 to 64 steps.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(oldSelf.hasValue() && oldSelf.value() == self) || self.all(s, self.exists_one(t, t.name == s.name))",message="every step needs a name of its own: two steps have the same name"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(oldSelf.hasValue() && oldSelf.value() == self) || self.all(s, has(s.action) != has(s.publish))",message="every step needs exactly one of action and publish"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(oldSelf.hasValue() && oldSelf.value() == self) || self.filter(s, s.recovery == 'Pivot').size() <= 1",message="at most one step may have recovery Pivot"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(oldSelf.hasValue() && oldSelf.value() == self) || self.map(s, s.recovery == 'Compensatable' ? 0 : s.recovery == 'Pivot' ? 1 : 2).isSorted()",message="steps must be listed as Compensatable ones first, then the Pivot, then Retriable ones"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(oldSelf.hasValue() && oldSelf.value() == self) || self.all(s, s.recovery != 'Compensatable' || has(s.compensation))",message="a Compensatable step needs a compensation; where it changes nothing, say compensation: {policy: None}"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(oldSelf.hasValue() && oldSelf.value() == self) || self.all(s, s.recovery == 'Compensatable' || !has(s.compensation))",message="a Pivot or Retriable step is never undone: remove its compensation"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(oldSelf.hasValue() && oldSelf.value() == self) || self.all(s, !has(s.compensation) || (s.compensation.policy == 'None') != has(s.compensation.command))",message="a compensation needs either a command or policy None"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="(oldSelf.hasValue() && oldSelf.value() == self) || self.all(s, !has(s.publish) || !has(s.compensation) || s.compensation.policy == 'None')",message="an event cannot be taken back: a publish step's compensation must be {policy: None}"
	Steps []Step `json:"steps"`
}

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

	// participant names the SagaParticipant, in the saga's namespace, that executes the step's commands or on whose
	// events topic its event is published. A DNS label of at most 63 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Participant string `json:"participant"`

	// action is the command that does the step's work. Exactly one of action and publish must be set.
	// +optional
	Action *Action `json:"action,omitempty"`

	// publish is an event that announces something; nobody answers it. The step is done once the broker has it.
	// Exactly one of action and publish must be set.
	// +optional
	Publish *Publish `json:"publish,omitempty"`

	// compensation is the command that undoes the action. A Compensatable step must have one, or say
	// {policy: None} because it changes nothing; the other steps have none.
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
	Output []string `json:"output,omitempty"`
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
}

// Compensation is the command that undoes a step's action.
type Compensation struct {
	// policy says whether there is something to undo: Run (send the command) or None (the action changes nothing).
	// Defaults to Run.
	// +optional
	// +kubebuilder:default=Run
	Policy CompensationPolicy `json:"policy,omitempty"`

	// command is what the participant is asked to do; the message's type is `<participant>.<command>`. Required unless
	// policy is None. Lower case letters, digits and dashes, at most 63 characters.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Command string `json:"command,omitempty"`

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
}

// SagaDefinitionStatus is what the operator found out about a definition.
type SagaDefinitionStatus struct {
	// observedGeneration is the generation of the definition that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// revision is the name of the ControllerRevision made from the definition as it is now: new sagas are pinned to it.
	// Empty while the definition is not accepted. At most 253 characters.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	Revision string `json:"revision,omitempty"`

	// conditions are Accepted (reasons Accepted, InvalidDefinition, InvalidExpression, InvalidParameters,
	// ParticipantNotFound, Pending) and Ready (the same reasons): whether sagas can be started from this definition; and
	// Stalled (True with the reasons of a definition that is wrong, else Progressing): whether only a change of it helps.
	// At most 8.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// SagaDefinition is the reusable description of a distributed transaction. Every change of its spec makes an immutable
// revision, and a saga runs what the revision it started from says.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=sagadef,categories=sagas-dev
// +kubebuilder:metadata:annotations={"argocd.argoproj.io/sync-options=Prune=false","kustomize.toolkit.fluxcd.io/prune=disabled"}
// +kubebuilder:printcolumn:name="Accepted",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].status`,description="Whether sagas can be started from it"
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Accepted")].reason`,description="Why, or why not"
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.revision`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SagaDefinition struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec describes the distributed transaction.
	// +required
	Spec SagaDefinitionSpec `json:"spec"`

	// status is what the operator found out about it. Defaults to three conditions that say that nobody has looked yet.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Accepted", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Ready", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Stalled", status: "False", reason: "Progressing", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status SagaDefinitionStatus `json:"status,omitempty"`
}

// SagaDefinitionList is a list of definitions.
//
// +kubebuilder:object:root=true
type SagaDefinitionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SagaDefinition `json:"items"`
}
