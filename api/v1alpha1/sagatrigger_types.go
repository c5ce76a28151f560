package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// Where a trigger starts to read, beside a time.
const (
	// StartEarliest is the first event that the topic still has.
	StartEarliest = "Earliest"
	// StartLatest is the first event after the trigger has begun to read.
	StartLatest = "Latest"
)

// SagaTriggerSpec says which events of a topic start what.
//
// +kubebuilder:validation:XValidation:rule="has(self.definitionRef) != has(self.order)",message="a trigger needs exactly one of definitionRef and order"
// +kubebuilder:validation:XValidation:rule="!has(self.order) || !has(self.params) && !has(self.businessKey) && !has(self.ttl)",message="params, businessKey and ttl go with definitionRef only: an order gives its saga its own"
type SagaTriggerSpec struct {
	// topic is the Kafka topic whose events start sagas. The operator does not create it.
	// Letters, digits, dots, underscores and dashes, at most 249 characters.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	Topic string `json:"topic"`

	// types are the types of the events that start something; a * stands for any run of characters, as in order.*. Events of other types are
	// passed over. Printable ASCII without spaces, at most 253 characters each. At most 16. Defaults to all types.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=253
	// +kubebuilder:validation:items:Pattern=`^[!-~]+$`
	Types []string `json:"types,omitempty"`

	// filter is a CEL expression over event that says whether the event starts something; others are passed over. event has the members id,
	// source, type, subject, time, dataschema, correlationid and data. An event that it cannot be evaluated with goes
	// to the dead-letter topic. At most 2048 characters. Defaults to true.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Filter string `json:"filter,omitempty"`

	// definitionRef names the SagaDefinition that an event starts a saga of. Exactly one of definitionRef and order must be set.
	// +optional
	DefinitionRef *DefinitionReference `json:"definitionRef,omitempty"`

	// order is the spec of the OrderWorkflow that an event starts: an object whose string values may hold ${…} expressions (CEL)
	// over event. Rendered it has at most 16 KiB; one that is no order sends its event to the dead-letter topic.
	// Exactly one of definitionRef and order must be set.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Order *runtime.RawExtension `json:"order,omitempty"`

	// params are the params of the saga: an object whose string values may hold ${…} expressions (CEL) over event. Rendered
	// they have at most 16 KiB and match the definition's schema: else the event goes to the dead-letter topic. With
	// definitionRef only. Defaults to an empty object.
	// +optional
	// +kubebuilder:pruning:PreserveUnknownFields
	// +kubebuilder:validation:Type=object
	Params *runtime.RawExtension `json:"params,omitempty"`

	// businessKey is what people know the saga by: a text that may hold ${…} expressions (CEL) over event, and is printable ASCII
	// without spaces of at most 63 characters once rendered; an empty one is none. With definitionRef only.
	// At most 1024 characters. Defaults to none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	BusinessKey string `json:"businessKey,omitempty"`

	// ttl says how long a saga is kept once it has finished. With definitionRef only. Defaults to the default of a saga.
	// +optional
	TTL *SagaTTL `json:"ttl,omitempty"`

	// startFrom is where reading starts while this trigger has committed nothing of its topic: Earliest (the first event that the topic
	// has), Latest (the end that it has when the trigger looks first) or an RFC 3339 time such as 2026-11-22T10:00:00Z
	// (the first event written then or later). At most 35 characters. Defaults to Latest.
	// +optional
	// +kubebuilder:default=Latest
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=35
	// +kubebuilder:validation:Pattern=`^(Earliest|Latest|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))$`
	// +kubebuilder:validation:XValidation:rule="self == 'Earliest' || self == 'Latest' || !self.matches('^[0-9]{4}-[0-9]{2}-[0-9]{2}T') || timestamp(self) >= timestamp('0001-01-01T00:00:00Z')",message="startFrom must be Earliest, Latest or a time such as 2026-11-22T10:00:00Z"
	StartFrom string `json:"startFrom,omitempty"`

	// maxActive is how many unfinished sagas (or orders) of this trigger there may be, those that wait for a person included. Beyond
	// it no further event is taken: what is to start waits in Kafka. From 1 to 10000. Defaults to 100.
	// +optional
	// +kubebuilder:default=100
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=10000
	MaxActive *int32 `json:"maxActive,omitempty"`

	// suspend stops reading. What is to start waits in Kafka; sagas that have started go on. Defaults to false.
	// +optional
	// +kubebuilder:default=false
	Suspend bool `json:"suspend,omitempty"`
}

// SagaTriggerStatus is what became of the events of a trigger. Numbers are written at most every ten seconds, and conditions when
// they change. A manager that ends counts on from what is stored here, so that what it had counted since the last write is lost
// to started and refused; no event is.
type SagaTriggerStatus struct {
	// observedGeneration is the generation of the trigger that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// lag is how many messages of the topic are not dealt with: those that are not read, and those whose saga is not made yet.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Lag int64 `json:"lag,omitempty"`

	// started is how many sagas (or orders) this trigger has made.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Started int64 `json:"started,omitempty"`

	// refused is how many events went to the dead-letter topic, which says why.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Refused int64 `json:"refused,omitempty"`

	// active is how many sagas (or orders) of this trigger are unfinished.
	// +optional
	// +kubebuilder:validation:Minimum=0
	Active int32 `json:"active,omitempty"`

	// lastStartTime is when this trigger has made a saga (or order) last.
	// +optional
	LastStartTime *metav1.Time `json:"lastStartTime,omitempty"`

	// conditions are Accepted (reasons Accepted, InvalidExpression, InvalidParameters, TopicNotPermitted, OrdersDisabled, Pending), Ready
	// (Reading, Suspended, Throttled, TopicMissing, BrokerUnavailable, DefinitionNotFound, QuotaExceeded, StartsFailing, Pending
	// and those of Accepted) and Stalled (those of Accepted where only a change of the trigger helps, else Progressing). At most 8.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// SagaTrigger starts a saga, or an order, for each event of a Kafka topic that it takes. An event that is delivered again starts nothing
// twice: what it starts is named after the trigger and the event's source and id.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=trigger,categories=sagas-dev
// +kubebuilder:metadata:annotations={"argocd.argoproj.io/sync-options=Prune=false","kustomize.toolkit.fluxcd.io/prune=disabled"}
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63",message="the name is part of names and the value of a label of sagas: it must have at most 63 characters"
// +kubebuilder:printcolumn:name="Topic",type=string,JSONPath=`.spec.topic`
// +kubebuilder:printcolumn:name="Definition",type=string,JSONPath=`.spec.definitionRef.name`,description="What events start; empty: orders"
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,description="Reading, or what it waits for"
// +kubebuilder:printcolumn:name="Active",type=integer,JSONPath=`.status.active`
// +kubebuilder:printcolumn:name="Started",type=integer,JSONPath=`.status.started`
// +kubebuilder:printcolumn:name="Refused",type=integer,JSONPath=`.status.refused`
// +kubebuilder:printcolumn:name="Lag",type=integer,JSONPath=`.status.lag`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Message",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].message`,priority=1
type SagaTrigger struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec says which events start what.
	// +required
	Spec SagaTriggerSpec `json:"spec"`

	// status is what became of the events. Defaults to three conditions that say that nobody has looked yet.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Accepted", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Ready", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Stalled", status: "False", reason: "Progressing", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status SagaTriggerStatus `json:"status,omitempty"`
}

// SagaTriggerList is a list of triggers.
//
// +kubebuilder:object:root=true
type SagaTriggerList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SagaTrigger `json:"items"`
}
