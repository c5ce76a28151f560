package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// ExecutionMode says who decides what is done next.
//
// +kubebuilder:validation:Enum=Orchestrated;Observed
type ExecutionMode string

const (
	// ModeOrchestrated sagas send each step's command.
	ModeOrchestrated ExecutionMode = "Orchestrated"
	// ModeObserved sagas send no forward command: services decide by themselves, and their events complete or fail the steps.
	ModeObserved ExecutionMode = "Observed"
)

// ConcurrencyPolicy says what a saga does while another one with the same concurrency key runs.
//
// +kubebuilder:validation:Enum=Queue;Reject;AbortRunning
type ConcurrencyPolicy string

const (
	// ConcurrencyQueue waits until the other has ended.
	ConcurrencyQueue ConcurrencyPolicy = "Queue"
	// ConcurrencyReject ends the new saga as Rejected.
	ConcurrencyReject ConcurrencyPolicy = "Reject"
	// ConcurrencyAbortRunning aborts the other, and waits until it has ended.
	ConcurrencyAbortRunning ConcurrencyPolicy = "AbortRunning"
)

// SagaDefinitionSpec describes a distributed transaction: its steps, the schema of its parameters and how long it may take.
type SagaDefinitionSpec struct {
	// mode says who decides what is done next: Orchestrated (the saga sends each step's command) or Observed (services decide
	// by themselves; their events complete or fail the steps, and the saga sends no forward command, only events and what
	// undoes). Defaults to Orchestrated.
	// +optional
	Mode ExecutionMode `json:"mode,omitempty"`

	// concurrency keeps sagas of this definition that concern the same thing from running at the same time. Defaults to none.
	// +optional
	Concurrency *Concurrency `json:"concurrency,omitempty"`

	// maxActive is how many sagas of this definition may run at the same time; more wait for their turn, the oldest first.
	// From 1 to 1000000. Without it there is no limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000000
	MaxActive *int32 `json:"maxActive,omitempty"`

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

	// outputs are what the saga is known by once it is done: an object whose string values may hold ${…} expressions (CEL) over
	// params, saga and `steps['<a step>'].output`. Rendered it has at most 16 KiB and stands in status.outputs. Defaults to none.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Outputs *runtime.RawExtension `json:"outputs,omitempty"`

	// steps are the units of work. Each is started after the one before it has ended; as soon as one of them has dependsOn, they
	// are a graph, and those without it are its roots. They read Compensatable*, then at most one Pivot, then Retriable*: the Pivot
	// waits for all steps before it, and all steps after it wait for it. From 1 to 64 steps.
	// +required
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	Steps []Step `json:"steps"`
}

// Concurrency keeps sagas that concern the same thing from running at the same time.
type Concurrency struct {
	// key says what a saga concerns: a text that may hold ${…} expressions (CEL) over params and saga. Sagas of one definition, of whatever
	// revision, that have the same key are kept apart. At most 1024 characters, and 253 once rendered.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Key string `json:"key"`

	// policy says what a new saga does while another with its key runs: Queue (it waits until that has ended, the oldest first), Reject
	// (it ends as Rejected) or AbortRunning (it aborts the other, and waits until that has ended; beyond its point of no
	// return the other is finished first).
	// +required
	Policy ConcurrencyPolicy `json:"policy"`
}

// RevisionUse says how many sagas run one revision of a definition.
type RevisionUse struct {
	// revision is the name of the ControllerRevision. At most 253 characters.
	// +required
	// +kubebuilder:validation:MaxLength=253
	Revision string `json:"revision"`

	// sagas is the number of unfinished sagas that are pinned to it.
	// +required
	// +kubebuilder:validation:Minimum=0
	Sagas int32 `json:"sagas"`
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

	// revisions says how many unfinished sagas run each revision that is still kept, the newest first; counted again within ten
	// seconds of a change. At most 32: what is beyond is added up in the last.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	Revisions []RevisionUse `json:"revisions,omitempty"`

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

// The rules on steps stand on spec here, where they pass over steps that a write does not change: what was stored before
// a rule stays writable (self stands first: from the old side, a member named for, which CEL escapes, is never equal). They stand once more on spec.definition of a Saga, where they run only when the saga is made: its
// definition cannot change, and to compare it costs a status write more than all else that the API server does for it.

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
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || [self.steps.map(s, s.name)].all(names, names.all(n, names.indexOf(n) == names.lastIndexOf(n)))",message="every step needs a name of its own: two steps have the same name"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || self.steps.all(s, [has(s.action), has(s.publish), has(s.await), has(s.delay), has(s.approval)].filter(is, is).size() == 1)",message="every step needs exactly one of action, publish, await, delay and approval"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || [self.steps.map(s, s.recovery == 'Compensatable' ? 0 : s.recovery == 'Pivot' ? 1 : 2)].all(order, order.isSorted() && order.indexOf(1) == order.lastIndexOf(1))",message="steps must be listed as Compensatable ones first, then at most one Pivot, then Retriable ones"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || [self.steps.map(s, s.name)].all(names, self.steps.all(i, s, !has(s.dependsOn) || s.dependsOn.all(d, names.indexOf(d) >= 0 && names.indexOf(d) < i)))",message="dependsOn names earlier steps only: list a step after those that it waits for"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || self.steps.all(s, has(s.compensation) || s.recovery != 'Compensatable' || !has(s.action) && !has(s.publish))",message="a Compensatable step needs a compensation; where it changes nothing, say compensation: {policy: None}"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || self.steps.all(s, !has(s.compensation) || s.recovery == 'Compensatable')",message="a Pivot or Retriable step is never undone: remove its compensation"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || self.steps.all(s, !has(s.compensation) || [s.compensation.policy == 'None', has(s.compensation.command), has(s.compensation.publish)].filter(is, is).size() == 1)",message="a compensation needs exactly one of a command, an event to publish, and policy None"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || self.steps.all(s, has(s.participant) || !has(s.action) && !has(s.publish) && !has(s.await) && (!has(s.compensation) || s.compensation.policy == 'None'))",message="a step that sends or awaits something needs a participant"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || self.steps.all(s, !has(s.onFailure) || s.onFailure != 'Continue' || s.recovery == 'Compensatable')",message="only a Compensatable step may say onFailure: Continue"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="(oldSelf.hasValue() && self.steps == oldSelf.value().steps) || self.steps.all(s, !has(s.delay) || s.recovery != 'Pivot')",message="a delay changes nothing: it cannot be the Pivot"
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
