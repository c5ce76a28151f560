package v1alpha1

// Condition types of a Saga. All six are always present.
const (
	// ConditionAccepted says whether the saga can run; of a participant, whether it may name its topics
	// (TopicNotPermitted) and its events can be correlated (InvalidExpression).
	// Reasons: Accepted; InvalidDefinition, InvalidParameters, InvalidExpression, InputTooLarge, DuplicateKey,
	// ConcurrencyRejected, ReferencesMissing; Pending, DefinitionNotFound, ParticipantNotFound, Queued.
	ConditionAccepted = "Accepted"
	// ConditionReady says whether everything is done; of a trigger, whether it reads.
	// Reasons: Completed; Running, Suspended, Compensating, NeedsIntervention, Compensated, Rejected, SpecChanged; Pending.
	ConditionReady = "Ready"
	// ConditionStalled says that nothing will happen by itself any more.
	// Reasons: NeedsIntervention, KeyUsed, Compensated, Rejected, SpecChanged; Progressing, Completed.
	ConditionStalled = "Stalled"
	// ConditionFinished says whether the saga has ended, however it ended.
	// Reasons: Completed, Compensated, Rejected; InProgress.
	ConditionFinished = "Finished"
	// ConditionCompensating says whether the saga is being undone.
	// Reasons: StepFailed, OutcomeUnknown, DeadlineExceeded, Aborted, Deleted; NotNeeded, Undone, AbortRefused.
	ConditionCompensating = "Compensating"
	// ConditionSuspended says whether forward commands are held back.
	// Reasons: SuspendRequested, AwaitingApproval; NotSuspended.
	ConditionSuspended = "Suspended"
)

// Condition types of the other resources.
const (
	// ConditionTopicsReady says whether a participant's topics exist and the broker takes what is sent to them.
	// Reasons: TopicsFound; TopicMissing, BrokerUnavailable, TopicNotPermitted; Pending.
	ConditionTopicsReady = "TopicsReady"
)

// Reasons of conditions and of status.cause.
const (
	ReasonAccepted            = "Accepted"
	ReasonInvalidDefinition   = "InvalidDefinition"
	ReasonInvalidParameters   = "InvalidParameters"
	ReasonInvalidExpression   = "InvalidExpression"
	ReasonInputTooLarge       = "InputTooLarge"
	ReasonDuplicateKey        = "DuplicateKey"
	ReasonReferencesMissing   = "ReferencesMissing"
	ReasonPending             = "Pending"
	ReasonDefinitionNotFound  = "DefinitionNotFound"
	ReasonParticipantNotFound = "ParticipantNotFound"
	ReasonQueued              = "Queued"              // waits for its turn: concurrency or maxActive
	ReasonConcurrencyRejected = "ConcurrencyRejected" // final: another saga with its concurrency key runs

	ReasonCompleted         = "Completed"
	ReasonRunning           = "Running"
	ReasonSuspended         = "Suspended"
	ReasonCompensating      = "Compensating"
	ReasonNeedsIntervention = "NeedsIntervention"
	ReasonCompensated       = "Compensated"
	ReasonRejected          = "Rejected"
	ReasonSpecChanged       = "SpecChanged"
	ReasonKeyUsed           = "KeyUsed"
	ReasonProgressing       = "Progressing"
	ReasonInProgress        = "InProgress"

	ReasonStepFailed       = "StepFailed"
	ReasonOutcomeUnknown   = "OutcomeUnknown"
	ReasonDeadlineExceeded = "DeadlineExceeded"
	ReasonAborted          = "Aborted"
	ReasonDeleted          = "Deleted"
	ReasonNotNeeded        = "NotNeeded"
	ReasonUndone           = "Undone"
	ReasonAbortRefused     = "AbortRefused"

	ReasonSuspendRequested = "SuspendRequested"
	ReasonNotSuspended     = "NotSuspended"
	ReasonAwaitingApproval = "AwaitingApproval"

	ReasonTopicsFound       = "TopicsFound"
	ReasonTopicMissing      = "TopicMissing"
	ReasonBrokerUnavailable = "BrokerUnavailable"
	ReasonTopicNotPermitted = "TopicNotPermitted"

	ReasonReading        = "Reading"        // a trigger takes events as they come
	ReasonThrottled      = "Throttled"      // maxActive of a trigger is reached
	ReasonQuotaExceeded  = "QuotaExceeded"  // a ResourceQuota lets no further saga be made
	ReasonStartsFailing  = "StartsFailing"  // the API server makes no sagas at the moment
	ReasonOrdersDisabled = "OrdersDisabled" // the installation runs no OrderWorkflows

	ReasonSagaLost        = "SagaLost"
	ReasonSagaNameTaken   = "SagaNameTaken"
	ReasonInvalidOrder    = "InvalidOrder"
	ReasonSagaUnavailable = "SagaUnavailable"
)

// Codes in status that come from the operator, beside those that participants answer.
const (
	CodeTimeout          = "Timeout"          // nobody answered in time
	CodeUnreadable       = "Unreadable"       // a reply's body is no JSON object
	CodeOutputTooLarge   = "OutputTooLarge"   // a reply's body, or all outputs together, are beyond their bound
	CodeInvalidInput     = "InvalidInput"     // the input could not be rendered
	CodeInputTooLarge    = "InputTooLarge"    // the rendered input is beyond its bound
	CodeKeyUsed          = "KeyUsed"          // another saga has used the idempotency key
	CodeExpired          = "Expired"          // the participant had the command only after its expiry
	CodeUndone           = "Undone"           // the participant has undone this action, or refuses it for good
	CodeLateSuccess      = "LateSuccess"      // succeeded was answered after failed
	CodeNotDone          = "NotDone"          // a person says that the pivot did not happen
	CodeRetriesExhausted = "RetriesExhausted" // every attempt was answered with retry
	CodeOutputInvalid    = "OutputInvalid"    // a reply's or event's body breaks the step's outputSchema, or cannot be upcast
	CodeDeclined         = "Declined"         // a person declined the approval
	CodeUnheard          = "Unheard"          // mode Observed: time is over, and no service has told anything of the saga
	CodeCancelled        = "Cancelled"        // the saga turned back while the step waited
)
