package why

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

type rows = map[string]struct {
	setups []setup
	want   string
}

var pendingRows = rows{
	"nobody has looked at it": {
		[]setup{pending(v1alpha1.ReasonPending, "Not looked at yet"), func(c *Case) { c.Saga.Status.ObservedGeneration = 0 }},
		"waits for the operator to look at it for the first time: where that takes longer than a minute, see whether the manager is ready and watches this namespace",
	},
	"its definition is missing": {
		[]setup{pending(v1alpha1.ReasonDefinitionNotFound, `Waiting for SagaDefinition "checkout"`)},
		`has not started: it waits for SagaDefinition "checkout" to be created in its namespace`,
	},
	"the revision that it names is missing": {
		[]setup{
			pending(v1alpha1.ReasonDefinitionNotFound, `Waiting for revision "checkout-1" of SagaDefinition "checkout": kept are checkout-3, checkout-2`),
			func(c *Case) {
				c.Saga.Spec.DefinitionRef = &v1alpha1.DefinitionReference{Name: "checkout", Revision: "checkout-1"}
			},
		},
		`has not started: it waits for revision "checkout-1" of SagaDefinition "checkout": kept are checkout-3, checkout-2`,
	},
	"a participant is missing": {
		[]setup{pending(v1alpha1.ReasonParticipantNotFound, `Waiting for SagaParticipant "payment"`)},
		`has not started: it waits for SagaParticipant "payment" to be created in its namespace`,
	},
	"a participant names no topic": {
		[]setup{pending(v1alpha1.ReasonReferencesMissing, `Waiting for SagaParticipant "payment" to name its topics`)},
		`has not started: it waits for SagaParticipant "payment" to name its topics`,
	},
	"it is queued behind another": {
		[]setup{pending(v1alpha1.ReasonQueued, `Waiting for saga "order-0", which has the concurrency key "7"`)},
		`is queued: it waits for saga "order-0", which has the concurrency key "7"`,
	},
	"it is suspended before its start": {
		[]setup{pending(v1alpha1.ReasonAccepted, "The saga can run"), func(c *Case) { c.Saga.Spec.Suspend = true }},
		"is suspended before its start: start it with `kubectl saga resume order-1 -n shop`",
	},
	"it is suspended, and takes no turn": {
		[]setup{pending(v1alpha1.ReasonQueued, "Waiting for spec.suspend to be lifted: only then it takes its turn"), func(c *Case) { c.Saga.Spec.Suspend = true }},
		"is suspended before its start: start it with `kubectl saga resume order-1 -n shop`",
	},
	"too many run already": {
		[]setup{pending(v1alpha1.ReasonQueued, "Waiting for one of 2 active sagas of checkout to end (maxActive 2)")},
		"is queued: it waits for one of 2 active sagas of checkout to end (maxActive 2)",
	},
	"it is about to start": {
		[]setup{pending(v1alpha1.ReasonAccepted, "The saga can run")},
		"waits for the operator to start it",
	},
}

var flightRows = rows{
	"a command is not answered": {
		[]setup{doing("reserve", waiting(2))},
		`waits for participant "inventory" to answer inventory.reserve (step "reserve"), attempt 2 of 5, asked at 2026-11-22T10:00:50Z (10s ago) and waited for until 2026-11-22T10:01:20Z (in 20s)`,
	},
	"a pivot is asked without limit": {
		[]setup{doing("ship", waiting(7))},
		`waits for participant "shipping" to answer shipping.create (step "ship"), attempt 7, asked at 2026-11-22T10:00:50Z (10s ago) and waited for until 2026-11-22T10:01:20Z (in 20s)`,
	},
	"attempts of earlier rounds count": {
		[]setup{doing("charge", func() v1alpha1.Exchange { x := waiting(1); x.Prior = 3; return x }())},
		`waits for participant "payment" to answer payment.charge (step "charge"), attempt 4 of 5, asked at 2026-11-22T10:00:50Z (10s ago) and waited for until 2026-11-22T10:02:50Z (in 110s)`,
	},
	"two commands are on the way": {
		[]setup{doing("reserve", waiting(1)), doing("charge", waiting(1))},
		`waits for participant "inventory" to answer inventory.reserve (step "reserve"), attempt 1 of 5, asked at 2026-11-22T10:00:50Z (10s ago) and waited for until 2026-11-22T10:01:20Z (in 20s); 1 more on the way: charge`,
	},
	"a topic is missing": {
		[]setup{doing("charge", waiting(1)), participant("payment", v1alpha1.ConditionTopicsReady, v1alpha1.ReasonTopicMissing, `Missing: "payment.commands"`)},
		`waits for SagaParticipant "payment", which says TopicMissing (Missing: "payment.commands"), before payment.charge (step "charge", attempt 1 of 5) can reach it`,
	},
	"the broker is away": {
		[]setup{doing("charge", waiting(1)), participant("payment", v1alpha1.ConditionTopicsReady, v1alpha1.ReasonBrokerUnavailable, "The broker does not answer")},
		`waits for SagaParticipant "payment", which says BrokerUnavailable (The broker does not answer), before payment.charge (step "charge", attempt 1 of 5) can reach it`,
	},
	"another participant's trouble does not matter": {
		[]setup{doing("announce", waiting(1)), participant("payment", v1alpha1.ConditionTopicsReady, v1alpha1.ReasonTopicMissing, "Missing")},
		`waits for the broker to take event order.confirmed (step "announce"), since 2026-11-22T10:00:50Z (10s ago)`,
	},
	"nobody answered in time": {
		[]setup{doing("reserve", retrying(v1alpha1.CodeTimeout, ""))},
		`waits until 2026-11-22T10:01:04Z (in 4s) to ask participant "inventory" for inventory.reserve (step "reserve") again, attempt 3 of 5: nobody answered the one before in time`,
	},
	"the answer was retry": {
		[]setup{doing("reserve", retrying("BUSY", "Try later."))},
		`waits until 2026-11-22T10:01:04Z (in 4s) to ask participant "inventory" for inventory.reserve (step "reserve") again, attempt 3 of 5: the one before was answered with retry (BUSY: Try later)`,
	},
	"an event is awaited": {
		[]setup{doing("picked", waitingUntil(3600))},
		`waits for event inventory.picked correlated by the key 1001 (step "picked"), since 2026-11-22T10:00:50Z (10s ago) and until 2026-11-22T11:00:00Z (in 59m)`,
	},
	"a delay is not over": {
		[]setup{doing("cool-off", waitingUntil(3600))},
		`waits until 2026-11-22T11:00:00Z (in 59m) (step "cool-off", a delay)`,
	},
	"services are observed": {
		[]setup{doing("reserve", waitingUntil(120)), func(c *Case) { c.Definition.Mode = v1alpha1.ModeObserved }},
		`waits for participant "inventory" to tell what came of step "reserve", by event inventory.reserve-succeeded or inventory.reserve-failed, since 2026-11-22T10:00:50Z (10s ago) and until 2026-11-22T10:02:00Z (in 60s)`,
	},
	"it is suspended while a command is on its way": {
		[]setup{doing("ship", waiting(1)), suspended()},
		"waits for participant \"shipping\" to answer shipping.create (step \"ship\"), attempt 1, asked at 2026-11-22T10:00:50Z (10s ago) and waited for until 2026-11-22T10:01:20Z (in 20s); then nothing more is sent, since it is suspended: go on with `kubectl saga resume order-1 -n shop`",
	},
	"it is suspended": {
		[]setup{step(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepSucceeded}), suspended()},
		"is suspended since 2026-11-22T10:00:50Z (10s ago): go on with `kubectl saga resume order-1 -n shop`",
	},
	"it is suspended before the next attempt": {
		[]setup{doing("reserve", retrying(v1alpha1.CodeTimeout, "")), suspended()},
		"is suspended since 2026-11-22T10:00:50Z (10s ago): go on with `kubectl saga resume order-1 -n shop`",
	},
	"an abort waits for the pivot": {
		[]setup{doing("ship", waiting(1)), func(c *Case) { c.Saga.Status.Latches = []v1alpha1.Latch{v1alpha1.LatchAbort} }},
		`waits for participant "shipping" to answer shipping.create (step "ship"), attempt 1, asked at 2026-11-22T10:00:50Z (10s ago) and waited for until 2026-11-22T10:01:20Z (in 20s); the abort waits for that, too`,
	},
	"a step is undone by a command": {
		[]setup{undoing("reserve", waiting(1)), cause(v1alpha1.ReasonStepFailed, "charge", "CARD_DECLINED", "Card declined.")},
		`is being undone because step "charge" failed (CARD_DECLINED: Card declined), and waits for participant "inventory" to answer inventory.release (step "reserve"), attempt 1 of 10, asked at 2026-11-22T10:00:50Z (10s ago) and waited for until 2026-11-22T10:01:20Z (in 20s)`,
	},
	"a step is undone by an event": {
		[]setup{undoing("charge", waiting(1)), cause(v1alpha1.ReasonDeadlineExceeded, "", "", "")},
		`is being undone because its deadline passed, and waits for the broker to take event payment.charge-cancelled (step "charge"), since 2026-11-22T10:00:50Z (10s ago)`,
	},
	"what is on its way is waited for before anything is undone": {
		[]setup{phase(v1alpha1.PhaseCompensating), doing("reserve", waiting(1)), cause(v1alpha1.ReasonAborted, "", "", "")},
		`is being undone because it was aborted, and waits for participant "inventory" to answer inventory.reserve (step "reserve"), attempt 1 of 5, asked at 2026-11-22T10:00:50Z (10s ago) and waited for until 2026-11-22T10:01:20Z (in 20s), before anything is undone`,
	},
	"the definition is not to be had": {
		[]setup{unknown, doing("reserve", waiting(1))},
		`waits for the answer to step "reserve", attempt 1, asked at 2026-11-22T10:00:50Z (10s ago)`,
	},
	"its revision is gone": {
		[]setup{unknown, doing("reserve", waiting(1)), func(c *Case) {
			c.Saga.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionAccepted, Status: metav1.ConditionFalse,
				Reason: v1alpha1.ReasonReferencesMissing, Message: `Waiting for ControllerRevision "checkout-1", which holds what the saga runs`}}
		}},
		`sends nothing, since something that it needs is gone: it waits for ControllerRevision "checkout-1", which holds what the saga runs`,
	},
	"its spec was changed": {
		[]setup{doing("reserve", waiting(1)), condition(v1alpha1.ConditionReady, v1alpha1.ReasonSpecChanged, "changed")},
		"sends nothing, since what it runs is no longer what it started with: restore its spec as it was, or set spec.deletionPolicy to Orphan, delete it, and make a new one",
	},
	"nothing is on its way": {
		[]setup{step(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepSucceeded})},
		"waits for the operator to look at it again: where that takes longer than a minute, see whether the manager is ready",
	},
}

var peopleRows = rows{
	"nobody has approved": {
		[]setup{doing("review", waitingUntil(3600))},
		"waits for a person to approve step \"review\", which asks \"Ship to ${params.city}?\", with 0 of 2 approvals given, since 2026-11-22T10:00:50Z (10s ago) and until 2026-11-22T11:00:00Z (in 59m): `kubectl saga approve order-1 review -n shop` or `kubectl saga decline order-1 review -n shop`",
	},
	"one of two has approved": {
		[]setup{step(v1alpha1.StepStatus{Name: "review", State: v1alpha1.StepRunning, Decision: 2, ApprovedBy: []string{"ada"},
			Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeWaiting, Round: 1, Attempt: 1, StartTime: at(50), Message: "Ship to Bonn?"}})},
		"waits for a person to approve step \"review\", which asks \"Ship to Bonn?\", with 1 of 2 approvals given (approved by ada), since 2026-11-22T10:00:50Z (10s ago): `kubectl saga approve order-1 review -n shop` or `kubectl saga decline order-1 review -n shop`",
	},
	"an approval goes before what answers by itself": {
		[]setup{doing("charge", waiting(1)), doing("review", waiting(1))},
		"waits for a person to approve step \"review\", which asks \"Ship to ${params.city}?\", with 0 of 2 approvals given, since 2026-11-22T10:00:50Z (10s ago): `kubectl saga approve order-1 review -n shop` or `kubectl saga decline order-1 review -n shop`; 1 more on the way: charge",
	},
	"a compensation was refused": {
		[]setup{phase(v1alpha1.PhaseNeedsIntervention), cause(v1alpha1.ReasonAborted, "", "", ""),
			step(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepNeedsIntervention, Decision: 3,
				Compensation: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, Code: "GONE", Message: "Already sold"}})},
		"is being undone because it was aborted, and waits for a person: decision 3 on the compensation of step \"reserve\" (GONE: Already sold) is to be Retry, Skip or MarkDone, with `kubectl saga resolve order-1 reserve --action Retry|Skip|MarkDone --reason '…' -n shop`",
	},
	"the outcome of a pivot is unknown": {
		[]setup{phase(v1alpha1.PhaseNeedsIntervention), step(v1alpha1.StepStatus{Name: "ship", State: v1alpha1.StepNeedsIntervention, Decision: 1,
			Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeUnknown, Code: v1alpha1.CodeTimeout}})},
		"waits for a person: decision 1 on the action of step \"ship\" (Timeout) is to be Retry, Skip, MarkDone or Compensate, with `kubectl saga resolve order-1 ship --action Retry|Skip|MarkDone|Compensate --reason '…' -n shop`",
	},
	"a retriable step was refused": {
		[]setup{phase(v1alpha1.PhaseNeedsIntervention), step(v1alpha1.StepStatus{Name: "announce", State: v1alpha1.StepNeedsIntervention, Decision: 1,
			Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, Code: v1alpha1.CodeInvalidInput}})},
		"waits for a person: decision 1 on the action of step \"announce\" (InvalidInput) is to be Retry, Skip or MarkDone, with `kubectl saga resolve order-1 announce --action Retry|Skip|MarkDone --reason '…' -n shop`",
	},
	"the compensation of an optional step was refused": {
		[]setup{phase(v1alpha1.PhaseNeedsIntervention), step(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepNeedsIntervention, Decision: 1,
			Compensation: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, Code: "GONE"}})},
		"waits for a person: decision 1 on the compensation of step \"reserve\" (GONE) is to be Retry, Skip or MarkDone, with `kubectl saga resolve order-1 reserve --action Retry|Skip|MarkDone --reason '…' -n shop`",
	},
	"a pivot waits while the saga is suspended": {
		[]setup{phase(v1alpha1.PhaseNeedsIntervention), suspended(), step(v1alpha1.StepStatus{Name: "ship", State: v1alpha1.StepNeedsIntervention, Decision: 1,
			Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeUnknown}})},
		"waits for a person: decision 1 on the action of step \"ship\" is to be Skip, MarkDone or Compensate, with `kubectl saga resolve order-1 ship --action Skip|MarkDone|Compensate --reason '…' -n shop`",
	},
	"another saga has used the key": {
		[]setup{phase(v1alpha1.PhaseNeedsIntervention), step(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepNeedsIntervention, Decision: 1,
			Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, Code: v1alpha1.CodeKeyUsed}})},
		"waits for a person, since another saga has used its idempotency key (step \"reserve\"): where the first run counts, end this one with `kubectl saga abort order-1 -n shop`; where it was lost, continue it with `kubectl saga adopt order-1 -n shop`",
	},
	"another saga has used the key, beyond the point of no return": {
		[]setup{phase(v1alpha1.PhaseNeedsIntervention), step(v1alpha1.StepStatus{Name: "ship", State: v1alpha1.StepSucceeded}),
			step(v1alpha1.StepStatus{Name: "announce", State: v1alpha1.StepNeedsIntervention, Decision: 1,
				Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, Code: v1alpha1.CodeKeyUsed}})},
		"waits for a person, since another saga has used its idempotency key (step \"announce\"), and it can only go forward: where the first run has done the step, go on with `kubectl saga resolve order-1 announce --action Skip|MarkDone --reason '…' -n shop`; where it was lost, continue it with `kubectl saga adopt order-1 -n shop`",
	},
	"nothing was heard of a saga that only observes": {
		[]setup{phase(v1alpha1.PhaseNeedsIntervention), step(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepNeedsIntervention, Decision: 1,
			Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeUnknown, Code: v1alpha1.CodeUnheard, Message: "no service has told anything of this saga"}})},
		"waits for a person: decision 1 on the action of step \"reserve\" (Unheard: no service has told anything of this saga) is to be Retry, Skip, MarkDone or Compensate, with `kubectl saga resolve order-1 reserve --action Retry|Skip|MarkDone|Compensate --reason '…' -n shop`",
	},
	"an effect may be another saga's": {
		[]setup{phase(v1alpha1.PhaseNeedsIntervention), cause(v1alpha1.ReasonAborted, "charge", v1alpha1.CodeKeyUsed, ""),
			step(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepNeedsIntervention, Decision: 1,
				Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeSucceeded}})},
		"is being undone because it was aborted (KeyUsed), and waits for a person: decision 1 on the compensation of step \"reserve\" (another saga has the idempotency key, and may be the one whose effect this is) is to be Retry, Skip or MarkDone, with `kubectl saga resolve order-1 reserve --action Retry|Skip|MarkDone --reason '…' -n shop`",
	},
	"a decision waits while another step is undone": {
		[]setup{undoing("reserve", waiting(1)), cause(v1alpha1.ReasonAborted, "", "", ""),
			step(v1alpha1.StepStatus{Name: "charge", State: v1alpha1.StepNeedsIntervention, Decision: 1, Compensation: &v1alpha1.Exchange{}})},
		`is being undone because it was aborted, and waits for participant "inventory" to answer inventory.release (step "reserve"), attempt 1 of 10, asked at 2026-11-22T10:00:50Z (10s ago) and waited for until 2026-11-22T10:01:20Z (in 20s)`,
	},
}

var endedRows = rows{
	"completed": {
		[]setup{phase(v1alpha1.PhaseCompleted), func(c *Case) { c.Saga.Status.EndTime = at(30) }},
		"was completed at 2026-11-22T10:00:30Z (30s ago): every step is done",
	},
	"completed although it was to be aborted": {
		[]setup{phase(v1alpha1.PhaseCompleted), func(c *Case) { c.Saga.Status.EndTime = at(30) }, condition(v1alpha1.ConditionCompensating, v1alpha1.ReasonAbortRefused, "")},
		"was completed at 2026-11-22T10:00:30Z (30s ago): every step is done; it was to be aborted, but was beyond its point of no return",
	},
	"undone": {
		[]setup{phase(v1alpha1.PhaseCompensated), func(c *Case) { c.Saga.Status.EndTime = at(30) }, cause(v1alpha1.ReasonOutcomeUnknown, "charge", v1alpha1.CodeTimeout, ""),
			step(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepNotCompensated})},
		`was undone by 2026-11-22T10:00:30Z (30s ago) because the outcome of step "charge" is unknown (Timeout); a person decided that the effect of "reserve" stays`,
	},
	"rejected": {
		[]setup{pending(v1alpha1.ReasonInvalidParameters, "spec.params: /amount: is required"), phase(v1alpha1.PhaseRejected)},
		"was rejected and has done nothing: spec.params: /amount: is required",
	},
}
