package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// SagaParticipantSpec names the topics of one service that executes commands.
type SagaParticipantSpec struct {
	// description says what the service does, for people. At most 1024 characters. Defaults to none.
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Description string `json:"description,omitempty"`

	// topics are the Kafka topics of the service. The operator creates none of them.
	// +required
	Topics ParticipantTopics `json:"topics"`

	// eventKey is a CEL expression over event that says by what the service's events are correlated with sagas: a text, such as
	// event.data.orderId. Awaits compare it with their key. event has the members id, source, type, subject, time, dataschema,
	// correlationid and data. At most 1024 characters. Defaults to event.correlationid, which is the
	// business key where a service passes on what its command came with.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	EventKey string `json:"eventKey,omitempty"`
}

// ParticipantTopics are the Kafka topics of one participant.
//
// +kubebuilder:validation:XValidation:rule="has(self.commands) || has(self.events)",message="name a topic for commands, for events, or both"
type ParticipantTopics struct {
	// commands is the topic that the service reads its commands from. Needed where a step has an action of this
	// participant. Letters, digits, dots, underscores and dashes, at most 249 characters. Defaults to none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	Commands string `json:"commands,omitempty"`

	// events is the topic of the service's events: publish steps of this participant write to it, and await steps read it.
	// Needed where a step publishes or awaits one, and where a definition observes the service.
	// Letters, digits, dots, underscores and dashes, at most 249 characters. Defaults to none.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=249
	// +kubebuilder:validation:Pattern=`^[a-zA-Z0-9._-]+$`
	Events string `json:"events,omitempty"`
}

// SagaParticipantStatus is what the operator sees of a participant.
type SagaParticipantStatus struct {
	// observedGeneration is the generation of the participant that this status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// conditions are Accepted (reasons Accepted, TopicNotPermitted, InvalidExpression where eventKey does not compile, Pending),
	// TopicsReady (TopicsFound, TopicMissing, BrokerUnavailable, TopicNotPermitted, Pending), Ready (as TopicsReady, or
	// InvalidExpression), and Stalled (Progressing, TopicNotPermitted, InvalidExpression): whether only a change of the
	// participant, or of what is permitted to it, helps. At most 8.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=8
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// SagaParticipant is a service that executes commands. Sagas use the participants of their own namespace.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=participant,categories=sagas-dev
// +kubebuilder:metadata:annotations={"argocd.argoproj.io/sync-options=Prune=false","kustomize.toolkit.fluxcd.io/prune=disabled"}
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 63 && self.metadata.name.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="the name is part of message types: it must be a DNS label of at most 63 characters"
// +kubebuilder:printcolumn:name="Commands",type=string,JSONPath=`.spec.topics.commands`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Reason",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Events",type=string,JSONPath=`.spec.topics.events`,priority=1
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type SagaParticipant struct {
	metav1.TypeMeta `json:",inline"`
	// metadata is the object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec names the service's topics.
	// +required
	Spec SagaParticipantSpec `json:"spec"`

	// status is what the operator sees of the participant. Defaults to four conditions that say that nobody has looked yet.
	// +optional
	// +kubebuilder:default={conditions: {{type: "Accepted", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "TopicsReady", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Ready", status: "Unknown", reason: "Pending", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}, {type: "Stalled", status: "False", reason: "Progressing", message: "Not looked at yet", lastTransitionTime: "1970-01-01T00:00:00Z"}}}
	Status SagaParticipantStatus `json:"status,omitempty"`
}

// SagaParticipantList is a list of participants.
//
// +kubebuilder:object:root=true
type SagaParticipantList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []SagaParticipant `json:"items"`
}
