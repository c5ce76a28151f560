package v1alpha1

// Bounds of what the schema language cannot judge; the bounds of everything else are markers on its field.
const (
	// MaxParamsBytes bounds spec.params of a Saga, as compact JSON.
	MaxParamsBytes = 16 << 10
	// MaxInputBytes bounds the rendered input of one command, as compact JSON.
	MaxInputBytes = 16 << 10
	// MaxOutputBytes bounds the body of one reply.
	MaxOutputBytes = 16 << 10
	// MaxOutputsBytes bounds the kept outputs of all steps of one saga together.
	MaxOutputsBytes = 64 << 10
	// MaxObjectBytes bounds a Saga as stored.
	MaxObjectBytes = 256 << 10
	// MaxSteps bounds the steps of one definition.
	MaxSteps = 64
)

// Defaults that apply where a retry policy or definition is silent, and where a schema default would be wrong because
// it depends on the step's recovery.
const (
	// DefaultActionAttempts is how often a compensatable action is attempted.
	DefaultActionAttempts = 5
	// DefaultCompensationAttempts is how often a compensation is attempted before a person is asked.
	DefaultCompensationAttempts = 10
	// DefaultOrderDefinition is the definition of an order that names none.
	DefaultOrderDefinition = "order-fulfilment"
	// DefaultMaxActive is how many unfinished sagas a trigger may have that says nothing about it.
	DefaultMaxActive = 100
)

// Names that the operator puts on objects.
const (
	// FinalizerSaga keeps a saga until it is settled.
	FinalizerSaga = "sagas.dev/saga"
	// FinalizerInUse keeps a participant or a revision while an unfinished saga needs it.
	FinalizerInUse = "sagas.dev/in-use"
	// LabelDefinition names the definition that a revision belongs to.
	LabelDefinition = "sagas.dev/definition"
	// AnnotationUnusedSince says since when no unfinished saga needs a revision that was replaced: a time such as 2026-11-22T10:00:00Z.
	AnnotationUnusedSince = "sagas.dev/unused-since"
	// LabelTrigger names the trigger that has made a saga or an order.
	LabelTrigger = "sagas.dev/trigger"
	// AnnotationEventID is the id of the event that a trigger has made a saga or an order for.
	AnnotationEventID = "sagas.dev/event-id"
	// AnnotationEventSource is the source of that event.
	AnnotationEventSource = "sagas.dev/event-source"
	// AnnotationTraceParent is the W3C trace context that the event came with.
	AnnotationTraceParent = "sagas.dev/traceparent"
)
