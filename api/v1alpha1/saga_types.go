package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KeyUsedPolicy says what a saga does when another saga has used its idempotency key.
//
// +kubebuilder:validation:Enum=Wait;End
type KeyUsedPolicy string

const (
	// KeyUsedWait waits for a person, who aborts or adopts.
	KeyUsedWait KeyUsedPolicy = "Wait"
	// KeyUsedEnd ends the saga as Compensated with nothing to undo.
	KeyUsedEnd KeyUsedPolicy = "End"
)

// DeletionPolicy says what deleting a running saga does.
//
// +kubebuilder:validation:Enum=Compensate;Orphan
type DeletionPolicy string

const (
	// DeletionCompensate undoes the saga first, or finishes it where it is beyond the point of no return.
	DeletionCompensate DeletionPolicy = "Compensate"
	// DeletionOrphan lets the object go at once; what was done stays done.
	DeletionOrphan DeletionPolicy = "Orphan"
)

// ResolutionAction is what a person decides about a step that waits.
//
// +kubebuilder:validation:Enum=Retry;Skip;MarkDone;Compensate
type ResolutionAction string

const (
	// ResolutionRetry asks the participant again; under a new key where it had answered failed.
	ResolutionRetry ResolutionAction = "Retry"
	// ResolutionSkip counts a forward step as done, without output; of a compensation, leaves the effect as it is.
	ResolutionSkip ResolutionAction = "Skip"
	// ResolutionMarkDone says that it was done, or undone, by hand.
	ResolutionMarkDone ResolutionAction = "MarkDone"
	// ResolutionCompensate says that a pivot did not happen: the saga goes backward.
	ResolutionCompensate ResolutionAction = "Compensate"
)

// The rule on params reads them through dyn: untyped fields are unknown to CEL's type checker, but are compared in full
// when it is asked to look away. With type: object a renamed key would pass for equal.

// SagaSpec says what one saga runs and with what. Only suspend, abort, adopt, resolutions, ttl and deletionPolicy
// may change once the saga exists.
//
// +kubebuilder:validation:XValidation:optionalOldSelf=true,rule="oldSelf.hasValue() || has(self.definition) != has(self.definitionRef)",message="a saga needs exactly one of definitionRef and definition"
// +kubebuilder:validation:XValidation:rule="has(self.definitionRef) == has(oldSelf.definitionRef) && (!has(self.definitionRef) || self.definitionRef == oldSelf.definitionRef)",message="the definitionRef of a saga cannot change: make a new saga"
// +kubebuilder:validation:XValidation:rule="has(self.idempotencyKey) == has(oldSelf.idempotencyKey) && (!has(self.idempotencyKey) || self.idempotencyKey == oldSelf.idempotencyKey)",message="the idempotencyKey of a saga cannot change: make a new saga"
// +kubebuilder:validation:XValidation:rule="has(self.businessKey) == has(oldSelf.businessKey) && (!has(self.businessKey) || self.businessKey == oldSelf.businessKey)",message="the businessKey of a saga cannot change: make a new saga"
// +kubebuilder:validation:XValidation:rule="self.onKeyUsed == oldSelf.onKeyUsed",message="onKeyUsed of a saga cannot change: make a new saga"
// +kubebuilder:validation:XValidation:rule="has(dyn(self).params) == has(dyn(oldSelf).params) && (!has(dyn(self).params) || dyn(self).params == dyn(oldSelf).params)",message="the params of a saga cannot change: make a new saga"
type SagaSpec struct {
	// definitionRef names the SagaDefinition that this saga runs. Exactly one of definitionRef and definition must be set.
	// +optional
	DefinitionRef *DefinitionReference `json:"definitionRef,omitempty"`

	// definition is what this saga runs, written in place. Exactly one of definitionRef and definition must be set.
	// +optional
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || [self.steps.map(s, s.name)].all(names, names.all(n, names.indexOf(n) == names.lastIndexOf(n)))",message="every step needs a name of its own: two steps have the same name"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || self.steps.all(s, [has(s.action), has(s.publish), has(s.await), has(s.delay), has(s.approval)].filter(is, is).size() == 1)",message="every step needs exactly one of action, publish, await, delay and approval"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || [self.steps.map(s, s.recovery == 'Compensatable' ? 0 : s.recovery == 'Pivot' ? 1 : 2)].all(order, order.isSorted() && order.indexOf(1) == order.lastIndexOf(1))",message="steps must be listed as Compensatable ones first, then at most one Pivot, then Retriable ones"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || [self.steps.map(s, s.name)].all(names, self.steps.all(i, s, !has(s.dependsOn) || s.dependsOn.all(d, names.indexOf(d) >= 0 && names.indexOf(d) < i)))",message="dependsOn names earlier steps only: list a step after those that it waits for"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || self.steps.all(s, has(s.compensation) || s.recovery != 'Compensatable' || !has(s.action) && !has(s.publish))",message="a Compensatable step needs a compensation; where it changes nothing, say compensation: {policy: None}"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || self.steps.all(s, !has(s.compensation) || s.recovery == 'Compensatable')",message="a Pivot or Retriable step is never undone: remove its compensation"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || self.steps.all(s, !has(s.compensation) || [s.compensation.policy == 'None', has(s.compensation.command), has(s.compensation.publish)].filter(is, is).size() == 1)",message="a compensation needs exactly one of a command, an event to publish, and policy None"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || self.steps.all(s, has(s.participant) || !has(s.action) && !has(s.publish) && !has(s.await) && (!has(s.compensation) || s.compensation.policy == 'None'))",message="a step that sends or awaits something needs a participant"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || self.steps.all(s, !has(s.onFailure) || s.onFailure != 'Continue' || s.recovery == 'Compensatable')",message="only a Compensatable step may say onFailure: Continue"
	// +kubebuilder:validation:XValidation:optionalOldSelf=true,fieldPath=".steps",rule="oldSelf.hasValue() || self.steps.all(s, !has(s.delay) || s.recovery != 'Pivot')",message="a delay changes nothing: it cannot be the Pivot"
	Definition *SagaDefinitionSpec `json:"definition,omitempty"`

	// params are the values that expressions read as params: an object that matches the definition's schema. At most
	// 16 KiB; integers beyond 2^53 lose digits, so money is a string. Defaults to an empty object.
	// +optional
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:pruning:PreserveUnknownFields
	Params *runtime.RawExtension `json:"params,omitempty"`

	// idempotencyKey is the identity of the transaction: participants execute it once, however often a saga with this
	// key is made in this namespace. Letters, digits, dots, underscores and dashes, at most 128 characters.
	// Defaults to the saga's name.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	IdempotencyKey string `json:"idempotencyKey,omitempty"`

	// businessKey is what people know the transaction by, such as an order number. It is the correlation id of its
	// messages. Printable ASCII without spaces, at most 63 characters. Defaults to the complete idempotency key.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[!-~]+$`
	BusinessKey string `json:"businessKey,omitempty"`

	// onKeyUsed says what happens when a participant answers that another saga has used the idempotency key: Wait (for
	// a person, who aborts or adopts) or End (as Compensated, with nothing to undo). Defaults to Wait.
	// +optional
	// +kubebuilder:default=Wait
	OnKeyUsed KeyUsedPolicy `json:"onKeyUsed,omitempty"`

	// suspend holds back new forward commands, and the deadline with them, which resuming shifts. What is being undone
	// goes on. Defaults to false.
	// +optional
	// +kubebuilder:default=false
	Suspend bool `json:"suspend,omitempty"`

	// abort undoes the saga. It is taken once: removing it again changes nothing. Beyond the point of no return it is refused
	// (condition Compensating, reason AbortRefused). Defaults to false.
	// +optional
	// +kubebuilder:default=false
	Abort bool `json:"abort,omitempty"`

	// adopt continues a lost run with the same idempotency key: participants hand over what they stored for
	// it. The deadline begins anew. It is taken once: removing it again changes nothing. Defaults to false.
	// +optional
	// +kubebuilder:default=false
	Adopt bool `json:"adopt,omitempty"`

	// resolutions are a person's decisions about steps that wait (status.steps[].decision says for which).
	// Each is taken once: removing it again changes nothing. At most 64. Defaults to none.
	// +optional
	// +listType=map
	// +listMapKey=step
	// +listMapKey=decision
	// +kubebuilder:validation:MaxItems=64
	Resolutions []Resolution `json:"resolutions,omitempty"`

	// ttl says how long a finished saga is kept. It never applies to a saga that waits for a person, nor to one
	// that a Git tool or an owner manages. Defaults to {completed: 1h, otherwise: 168h}.
	// +optional
	TTL *SagaTTL `json:"ttl,omitempty"`

	// deletionPolicy says what deleting the running saga does: Compensate (undo it first; beyond the point of no return
	// finish it first) or Orphan (let the object go at once; what was done stays done). Defaults to Compensate.
	// +optional
	// +kubebuilder:default=Compensate
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// DefinitionReference names a SagaDefinition of the same namespace.
type DefinitionReference struct {
	// name of the SagaDefinition. A DNS subdomain of at most 253 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Name string `json:"name"`

	// revision pins the saga to a revision (ControllerRevision) of the definition that is still kept, instead of the newest.
	// At most 253 characters. Defaults to the newest.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`
	Revision string `json:"revision,omitempty"`
}

// Resolution is a person's decision about a step that waits.
//
// +kubebuilder:validation:XValidation:rule="!has(self.output) || self.action == 'MarkDone'",message="output goes with action MarkDone only"
type Resolution struct {
	// step is the name of the step that waits. At most 63 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Step string `json:"step"`

	// decision is the number that the step's status shows while it waits: a decision about an earlier wait
	// is not taken for this one. From 1.
	// +required
	// +kubebuilder:validation:Minimum=1
	Decision int32 `json:"decision"`

	// action is what is to happen: Retry (ask again), Skip (count the step as done without output; of a compensation: leave the
	// effect as it is), MarkDone (it was done, or undone, by hand) or Compensate (a pivot did not happen, or a saga that
	// only observes, and has heard nothing, is alive: go backward).
	// +required
	Action ResolutionAction `json:"action"`

	// output is what the step would have answered, for later steps; MarkDone of a forward step only. An object of at most 16 KiB.
	// Without it the step has no output.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Output *runtime.RawExtension `json:"output,omitempty"`

	// by says who decided. At most 253 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	By string `json:"by"`

	// reason says why. At most 1024 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Reason string `json:"reason"`
}

// SagaTTL says how long a finished saga is kept.
type SagaTTL struct {
	// completed is how long a saga is kept after it was Completed.
	// Unit: a duration such as 1h. Defaults to 1h; from 0s to 8784h (366 days).
	// +optional
	// +kubebuilder:default="1h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('8784h')",message="completed must be at most 8784h"
	Completed *metav1.Duration `json:"completed,omitempty"`

	// otherwise is how long a saga is kept after it was Compensated or Rejected.
	// Unit: a duration such as 168h. Defaults to 168h; from 0s to 8784h (366 days).
	// +optional
	// +kubebuilder:default="168h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]{1,5}(ms|s|m|h)){1,4}$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('8784h')",message="otherwise must be at most 8784h"
	Otherwise *metav1.Duration `json:"otherwise,omitempty"`
}

// The rule on the definition begins with the status, because to compare definitions is dear: the API server lets no request
// change both, so where the status has changed, the definition has not.

// Saga is one run of a distributed transaction: it ends with everything done (Completed), everything undone
// (Compensated), or visibly waiting for a person (NeedsIntervention).
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=sg,categories=sagas-dev
// +kubebuilder:metadata:annotations={"argocd.argoproj.io/sync-options=Prune=false","kustomize.toolkit.fluxcd.io/prune=disabled"}
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 128",message="the name is part of idempotency keys: it must have at most 128 characters"
// +kubebuilder:validation:XValidation:rule="has(self.status) && has(oldSelf.status) && (has(self.status.progress) && has(oldSelf.status.progress) && self.status.progress != oldSelf.status.progress || has(self.status.waitingFor) && has(oldSelf.status.waitingFor) && self.status.waitingFor != oldSelf.status.waitingFor) || has(self.spec.definition) == has(oldSelf.spec.definition) && (!has(self.spec.definition) || self.spec.definition == oldSelf.spec.definition && oldSelf.spec.definition == self.spec.definition)",fieldPath=".spec.definition",message="the definition of a saga cannot change: make a new saga"
// +kubebuilder:selectablefield:JSONPath=`.status.phase`
// +kubebuilder:selectablefield:JSONPath=`.spec.definitionRef.name`
// +kubebuilder:selectablefield:JSONPath=`.spec.businessKey`
// +kubebuilder:printcolumn:name="Definition",type=string,JSONPath=`.spec.definitionRef.name`
// +kubebuilder:printcolumn:name="Phase",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="Progress",type=string,JSONPath=`.status.progress`,description="Forward steps done, of all"
// +kubebuilder:printcolumn:name="Waiting for",type=string,JSONPath=`.status.waitingFor`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Business key",type=string,JSONPath=`.spec.businessKey`,priority=1
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.status.revision`,priority=1
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.cause.reason`,description="Why it goes, or went, backward",priority=1
// +kubebuilder:printcolumn:name="Code",type=string,JSONPath=`.status.cause.code`,description="What the participant answered, or the operator's own code",priority=1
// +kubebuilder:printcolumn:name="Suspended",type=string,JSONPath=`.status.conditions[?(@.type=="Suspended")].status`,priority=1
// +kubebuilder:printcolumn:name="Deadline",type=string,JSONPath=`.status.deadline`,priority=1
type Saga struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says what the saga runs and with what.
	// +required
	Spec SagaSpec `json:"spec"`

	// status is what happened so far. Defaults to six conditions that say that nobody has looked yet.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Accepted", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Ready", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Stalled", status: "False", reason: "Progressing", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Finished", status: "False", reason: "InProgress", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Compensating", status: "False", reason: "NotNeeded", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Suspended", status: "False", reason: "NotSuspended", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status SagaStatus `json:"status,omitempty"`
}

// SagaList is a list of sagas.
//
// +kubebuilder:object:root=true
type SagaList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Saga `json:"items"`
}
