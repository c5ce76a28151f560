package main

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Names of what the stories share.
const (
	namespace  = "shop"
	service    = "service"  // answers as the command's name says
	unheard    = "unheard"  // publishes to a topic that does not exist
	absent     = "absent"   // does not exist
	definition = "checkout" // of the stories that run a revision
)

// story is one saga, how it gets to where its fixture is taken, and how it has to end.
type story struct {
	name, tale string
	ends       v1alpha1.SagaPhase
	spec       v1alpha1.SagaSpec
	order      bool   // an OrderWorkflow makes it
	turns      []turn // in this order; the fixture is taken after the last
	announced  bool   // ends, and waits for a person, can be announced by then
	settled    bool   // the end is announced
}

// turn is something that is waited for, and what is done then.
type turn struct {
	until func(*v1alpha1.Saga) bool
	then  func(*v1alpha1.Saga) // changes the spec; nil: nothing
	gone  bool                 // it is deleted
	anew  bool                 // and made again, from the same spec as then changes it
}

func inline(steps ...v1alpha1.Step) v1alpha1.SagaSpec {
	return v1alpha1.SagaSpec{
		Definition: &v1alpha1.SagaDefinitionSpec{
			Deadline:   &metav1.Duration{Duration: 24 * time.Hour},
			Parameters: raw(`{"type":"object","required":["orderId"],"properties":{"orderId":{"type":"string"},"amount":{"type":"string"}}}`),
			Steps:      steps,
		},
		Params: raw(`{"orderId":"o-1","amount":"12.50"}`),
	}
}

func raw(json string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(json)} }

// step does and undoes what the commands' names say; without undo it is a pivot.
func step(name, do, undo string) v1alpha1.Step {
	s := v1alpha1.Step{Name: name, Participant: service, Action: &v1alpha1.Action{
		Command: do, Timeout: &metav1.Duration{Duration: 24 * time.Hour},
		Input: raw(`{"orderId":"${params.orderId}","amount":"${params.amount}","note":"of ${saga.name}"}`),
		Retry: &v1alpha1.RetryPolicy{MaxBackoff: &metav1.Duration{Duration: 24 * time.Hour}},
	}}
	if undo == "" {
		s.Recovery = v1alpha1.RecoveryPivot
		return s
	}
	s.Compensation = &v1alpha1.Compensation{Command: undo, Timeout: &metav1.Duration{Duration: 24 * time.Hour}}
	return s
}

// impatient asks only so often, waits a second for an answer and so long before it asks again.
func impatient(s v1alpha1.Step, attempts int32, backoff time.Duration) v1alpha1.Step {
	second := &metav1.Duration{Duration: time.Second}
	retry := &v1alpha1.RetryPolicy{MaxAttempts: &attempts, InitialBackoff: &metav1.Duration{Duration: backoff}, MaxBackoff: &metav1.Duration{Duration: 24 * time.Hour}}
	if s.Action.Command == silent {
		s.Action.Timeout, s.Action.Retry, s.Action.Output = second, retry, []string{"answer"}
	}
	if s.Compensation != nil && s.Compensation.Command == silent {
		s.Compensation.Timeout, s.Compensation.Retry = second, retry
		s.Compensation.Input = raw(`{"orderId":"${params.orderId}","of":"${steps.` + s.Name + `.?output.?answer.orValue('nothing')}"}`)
	}
	return s
}

func retriable(s v1alpha1.Step) v1alpha1.Step {
	s.Recovery, s.Compensation = v1alpha1.RecoveryRetriable, nil
	return s
}

func publish(name, participant string) v1alpha1.Step {
	return v1alpha1.Step{Name: name, Participant: participant, Recovery: v1alpha1.RecoveryRetriable,
		Publish: &v1alpha1.Publish{Event: "confirmed", Data: raw(`{"orderId":"${params.orderId}","answer":"${steps.first.output.answer}"}`)}}
}

// Commands of the service, by name.
const (
	answers  = "answer"       // answered succeeded, with output
	silent   = "ignore"       // never answered
	refuses  = "refuse"       // answered failed
	busy     = "put-off"      // answered retry: ask again in an hour
	busyOnce = "put-off-once" // answered retry the first time, never then
	failOnce = "refuse-once"  // answered failed the first time, never then
)

func stories() []story {
	first := step("first", answers, answers)
	return append(append(forward(first), backward(first)...), latched(first)...)
}

// forward are the stories of sagas that have not turned back.
func forward(first v1alpha1.Step) []story {
	missing := first
	missing.Participant = absent
	return []story{
		{name: "pending", tale: "waits for a participant that does not exist", ends: v1alpha1.PhaseCompleted,
			spec: inline(missing), turns: []turn{{until: condition(v1alpha1.ConditionAccepted, v1alpha1.ReasonParticipantNotFound)}}},
		{name: "rejected", tale: "its params do not match the schema", ends: v1alpha1.PhaseRejected,
			spec: withParams(inline(first), `{"amount":"1.00"}`), turns: []turn{{until: phase(v1alpha1.PhaseRejected)}}},
		{name: "running", tale: "the second command is in flight; the definition is in the saga", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, step("second", silent, answers), step("third", answers, "")), turns: []turn{{until: asked("second", 1, 1)}}},
		{name: "running-revision", tale: "the same by a revision", ends: v1alpha1.PhaseCompleted,
			spec:  v1alpha1.SagaSpec{DefinitionRef: &v1alpha1.DefinitionReference{Name: definition}, Params: raw(`{"orderId":"o-2","amount":"3.00"}`), BusinessKey: "o-2"},
			turns: []turn{{until: asked("second", 1, 1)}}},
		{name: "backing-off", tale: "waits to ask again", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, step("second", busy, answers)), turns: []turn{{until: exchange("second", v1alpha1.ExchangeRetrying)}}},
		{name: "second-attempt", tale: "has asked again, and waits for the answer", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, step("second", busyOnce, answers)), turns: []turn{{until: asked("second", 1, 2)}}},
		{name: "pivot", tale: "the pivot is in flight", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, step("second", silent, "")), turns: []turn{{until: asked("second", 1, 1)}}},
		{name: "publishing", tale: "an event is on its way", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, publish("second", unheard)), turns: []turn{{until: asked("second", 1, 1)}}},
		{name: "retriable-refused", tale: "a step after the pivot was refused: a person decides", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, retriable(step("second", refuses, answers))), turns: []turn{{until: phase(v1alpha1.PhaseNeedsIntervention)}}},
		{name: "completed", tale: "is done; the end is not announced yet", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, publish("second", service)), turns: []turn{{until: phase(v1alpha1.PhaseCompleted)}}},
		{name: "settled", tale: "is done, and the end is announced", ends: v1alpha1.PhaseCompleted, announced: true, settled: true,
			spec: inline(first), turns: []turn{{until: phase(v1alpha1.PhaseCompleted)}}},
		{name: "unanswered", tale: "an attempt was never answered; it waits to ask again", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, impatient(step("second", silent, answers), 3, time.Hour)), turns: []turn{{until: exchange("second", v1alpha1.ExchangeRetrying)}}},
		{name: "granted", tale: "attempts ended, a person granted another, and that ended too", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, impatient(retriable(step("second", silent, answers)), 1, time.Second)), turns: []turn{
				{until: deciding("second", 1), then: resolve("second", v1alpha1.ResolutionRetry)}, {until: deciding("second", 2)}}},
		{name: "done-by-hand", tale: "a person did a step by hand; the next is in flight", ends: v1alpha1.PhaseCompleted,
			spec: inline(first, retriable(step("second", refuses, answers)), retriable(step("third", silent, answers))), turns: []turn{
				{until: deciding("second", 1), then: byHand("second")}, {until: asked("third", 1, 1)}}},
		{name: "ordered", tale: "an order made it; the second command is in flight", ends: v1alpha1.PhaseCompleted, order: true,
			turns: []turn{{until: asked("second", 1, 1)}}},
	}
}

// backward are the stories of sagas that have turned back.
func backward(first v1alpha1.Step) []story {
	refused := step("second", refuses, answers)
	return []story{
		{name: "compensating", tale: "an undo is in flight", ends: v1alpha1.PhaseCompensated,
			spec: inline(step("first", answers, silent), refused), turns: []turn{{until: undoing("first", 1)}}},
		{name: "needs-intervention", tale: "an undo was refused: a person decides", ends: v1alpha1.PhaseCompensated,
			spec: inline(step("first", answers, refuses), refused), turns: []turn{{until: phase(v1alpha1.PhaseNeedsIntervention)}}},
		{name: "retried", tale: "a person had an undo asked again: the second round is in flight", ends: v1alpha1.PhaseCompensated,
			spec: inline(step("first", answers, failOnce), refused), turns: []turn{
				{until: phase(v1alpha1.PhaseNeedsIntervention), then: resolve("first", v1alpha1.ResolutionRetry)}, {until: undoing("first", 2)}}},
		{name: "skipped", tale: "a person left an effect as it is", ends: v1alpha1.PhaseCompensated,
			spec: inline(step("first", answers, refuses), refused), turns: []turn{
				{until: phase(v1alpha1.PhaseNeedsIntervention), then: resolve("first", v1alpha1.ResolutionSkip)}, {until: phase(v1alpha1.PhaseCompensated)}}},
		{name: "announced", tale: "an undo was refused, and that a person decides is announced", ends: v1alpha1.PhaseCompensated, announced: true,
			spec: inline(step("first", answers, refuses), refused), turns: []turn{{until: func(s *v1alpha1.Saga) bool { return s.Status.Announced == 1 }}}},
		{name: "undo-unanswered", tale: "an undo was never answered; it waits to ask again", ends: v1alpha1.PhaseCompensated,
			spec: inline(impatient(step("first", answers, silent), 3, time.Hour), refused), turns: []turn{{until: undo("first", v1alpha1.ExchangeRetrying)}}},
		{name: "undo-granted", tale: "the attempts of an undo ended, a person granted another, and that ended too", ends: v1alpha1.PhaseCompensated,
			spec: inline(impatient(step("first", answers, silent), 1, time.Second), refused), turns: []turn{
				{until: deciding("first", 1), then: resolve("first", v1alpha1.ResolutionRetry)}, {until: deciding("first", 2)}}},
		{name: "undone", tale: "is undone; the end is not announced yet", ends: v1alpha1.PhaseCompensated,
			spec: inline(first, refused), turns: []turn{{until: phase(v1alpha1.PhaseCompensated)}}},
		{name: "undone-settled", tale: "is undone, and the end is announced", ends: v1alpha1.PhaseCompensated, announced: true, settled: true,
			spec: inline(first, refused), turns: []turn{{until: phase(v1alpha1.PhaseCompensated)}}},
	}
}

// latched are the stories of sagas that were asked for something.
func latched(first v1alpha1.Step) []story {
	waits := inline(first, step("second", silent, answers))
	inFlight := asked("second", 1, 1)
	used := waits
	used.IdempotencyKey = "completed" // another story's
	orphan := waits
	orphan.DeletionPolicy = v1alpha1.DeletionOrphan
	turns := inline(first, step("second", silent, silent))
	turns.DeletionPolicy = v1alpha1.DeletionOrphan
	turns.TTL = &v1alpha1.SagaTTL{Completed: &metav1.Duration{Duration: time.Hour}, Otherwise: &metav1.Duration{Duration: 24 * time.Hour}}
	hasty := turn{until: inFlight, gone: true, anew: true, then: func(s *v1alpha1.Saga) {
		s.Spec.Adopt, s.Spec.Definition.Steps[1] = true, impatient(turns.Definition.Steps[1], 1, time.Hour)
	}}
	adopt := turn{until: inFlight, gone: true, anew: true, then: func(s *v1alpha1.Saga) { s.Spec.Adopt = true }}
	return []story{
		{name: "suspended", tale: "is suspended while a command is in flight", ends: v1alpha1.PhaseCompleted, spec: waits, turns: []turn{
			{until: inFlight, then: func(s *v1alpha1.Saga) { s.Spec.Suspend = true }},
			{until: func(s *v1alpha1.Saga) bool { return s.Status.SuspendTime != nil }}}},
		{name: "aborted", tale: "an abort was asked for and taken away again, while a command is in flight", ends: v1alpha1.PhaseCompensated, spec: waits, turns: []turn{
			{until: inFlight, then: func(s *v1alpha1.Saga) { s.Spec.Abort = true }},
			{until: latch(v1alpha1.LatchAbort), then: func(s *v1alpha1.Saga) { s.Spec.Abort = false }},
			{until: func(s *v1alpha1.Saga) bool { return !s.Spec.Abort && s.Status.ObservedGeneration == s.Generation }}}},
		{name: "deleted", tale: "is deleted while a command is in flight", ends: v1alpha1.PhaseCompensated, spec: waits, turns: []turn{
			{until: inFlight, gone: true}, {until: latch(v1alpha1.LatchDelete)}}},
		{name: "key-used", tale: "another saga has used its key: a person decides", ends: v1alpha1.PhaseCompensated, spec: used, turns: []turn{
			{until: condition(v1alpha1.ConditionStalled, v1alpha1.ReasonKeyUsed)}}},
		{name: "adopted", tale: "continues a lost run; the second command is in flight", ends: v1alpha1.PhaseCompleted, spec: orphan, turns: []turn{
			adopt, {until: inFlight}}},
		{name: "adopted-undo", tale: "continued a lost run, and turned back; an undo is in flight or was never answered", ends: v1alpha1.PhaseCompensated, spec: turns, turns: []turn{
			hasty, {until: undo("second", v1alpha1.ExchangeRetrying, v1alpha1.ExchangeUnknown)}}},
	}
}

func withParams(spec v1alpha1.SagaSpec, params string) v1alpha1.SagaSpec {
	spec.Params = raw(params)
	return spec
}
