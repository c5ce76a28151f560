package controllers

import (
	"context"
	"errors"
	"slices"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/outbound"
	"github.com/sagas-dev/saga-operator/internal/replies"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Events is where events of participants wait until the sagas that listen for them have dealt with them.
type Events interface {
	// Heard says, by topic, until when its events are known. It is asked before Listen.
	Heard() map[string]replies.Heard
	// Listen notes what a saga listens for, and returns the events that wait for it.
	Listen(saga events.Listener) []events.Delivery
	// Look notes that a saga was looked at of which nothing new is known.
	Look(namespace, name string)
	// Forget notes that a saga listens for nothing.
	Forget(namespace, name string)
	// Settle says that the sagas have dealt with the events.
	Settle(deliveries ...events.Delivery)
	// Pass says that the events are not for these sagas after all.
	Pass(deliveries ...events.Delivery)
	// DeadLetter settles a delivery once the broker has it in the dead-letter topic, with the reason.
	DeadLetter(ctx context.Context, delivery events.Delivery, reason string) error
}

// listen notes what the saga listens for, as this copy has it, and takes the events that wait for it. Those of a saga that has not
// started stay where they are. Of a saga that only this copy cannot run, what is known stays known.
func (r *SagaReconciler) listen(v *visit) {
	switch {
	case v.leaves():
		r.Events.Forget(v.saga.Namespace, v.saga.Name)
	case v.runnable():
		v.occurred = r.Events.Listen(v.listener())
	case !v.live && v.needsLive(nil), v.compiled == nil && !v.acceptance.Final:
		r.Events.Look(v.saga.Namespace, v.saga.Name)
	case v.acceptance.Final:
		r.Events.Forget(v.saga.Namespace, v.saga.Name)
	default:
		r.keepEvents(v)
	}
}

// keepEvents has the events for the saga stay where they are, within bounds, until it may take them.
func (r *SagaReconciler) keepEvents(v *visit) {
	waits := v.listener()
	waits.Waits = true
	r.Events.Listen(waits)
}

func (v *visit) listener() events.Listener {
	return events.Listener{
		NamespacedName: client.ObjectKeyFromObject(v.saga), UID: v.saga.UID, Version: v.saga.ResourceVersion,
		For: v.run.Listens(v.saga.Status.SagaState),
	}
}

// listenAnew notes what the saga listens for as it is stored now. An event that this brings is looked at in a visit of its own.
func (r *SagaReconciler) listenAnew(v *visit) {
	if !v.wrote || !v.runnable() {
		return
	}
	known := len(v.occurred)
	if len(r.Events.Listen(v.listener())) > known {
		r.wakes.add(v.saga.Namespace, v.saga.Name, 0)
	}
}

// occurrences turns the events that wait for the saga into those of the engine.
func (v *visit) occurrences() {
	for _, d := range v.occurred {
		v.events = append(v.events, d.Event)
	}
}

// verdictsOfEvents returns the verdicts on the events of participants: they come behind those on the replies.
func (v *visit) verdictsOfEvents(verdicts []engine.Verdict) []engine.Verdict {
	return verdicts[len(v.deliveries):][:len(v.occurred)]
}

// settleEvents lets the events go whose verdict is stored.
func (r *SagaReconciler) settleEvents(v *visit, verdicts []engine.Verdict) {
	for i, verdict := range v.verdictsOfEvents(verdicts) {
		switch {
		case verdict == engine.Late: // see buryEvents
		case verdict == engine.Applied || engine.Knows(v.saga.Status.SagaState, v.occurred[i].Event):
			r.Events.Settle(v.occurred[i])
		default: // not this saga's, at least not any more: perhaps another's that is about to be made
			r.Events.Pass(v.occurred[i])
		}
	}
}

// buryEvents sends those events to the dead-letter topic whose effect the saga cannot take in any more, and those with which
// the API server refuses its status.
func (r *SagaReconciler) buryEvents(ctx context.Context, v *visit, verdicts []engine.Verdict) error {
	var errs []error
	for i, verdict := range v.verdictsOfEvents(verdicts) {
		if verdict == engine.Late {
			errs = append(errs, r.Events.DeadLetter(ctx, v.occurred[i], wire.ReasonEventLate))
		}
	}
	for _, d := range v.unstorable {
		errs = append(errs, r.Events.DeadLetter(ctx, d, wire.ReasonStatusRejected))
	}
	return errors.Join(errs...)
}

// withoutEvents leaves events out of a decision that the API server has refused to store. Where there were replies as well, these may be
// the reason: then the events are tried again alone.
func (r *SagaReconciler) withoutEvents(v *visit) {
	if len(v.occurred) == 0 {
		return
	}
	v.events = slices.Delete(v.events, len(v.deliveries), len(v.deliveries)+len(v.occurred))
	if len(v.deliveries) == 0 {
		v.unstorable = v.occurred
	} else {
		r.wakes.add(v.saga.Namespace, v.saga.Name, 0)
	}
	v.occurred = nil
}

// earOf is how well the events of a participant were heard before those of this visit were taken.
func (v *visit) earOf(participant string) heard {
	return heard{v.eventsHeard[v.topics[participant].Events]}
}

// earOfAll is how well everything was heard that may tell what became of the steps in flight.
func (v *visit) earOfAll() heard {
	all := v.ear
	for _, t := range v.run.Timers(v.saga.Status.SagaState) {
		if t.Kind == engine.TimerAwait {
			all = worseOf(all, v.earOf(t.Participant))
		}
	}
	return all
}

// worseOf is what was heard by both.
func worseOf(a, b heard) heard {
	if a.Heard.ReadableSince.IsZero() || b.Heard.ReadableSince.IsZero() {
		return heard{}
	}
	return heard{replies.Heard{
		Until:         earlier(a.Until, b.Until),
		ReadableSince: later(a.Heard.ReadableSince, b.Heard.ReadableSince),
	}}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sendOnce sends the events that a decision has made and that may be sent only once. It follows the write that
// stored the decision, and nothing else: what it cannot send then is lost.
func (r *SagaReconciler) sendOnce(ctx context.Context, v *visit, before v1alpha1.SagaState) {
	if !v.wrote || !v.runnable() {
		return
	}
	log := ctrl.LoggerFrom(ctx)
	commands, err := v.run.Once(before, v.saga.Status.SagaState)
	if err != nil {
		log.Error(err, "Losing an event of delivery AtMostOnce")
	}
	var items []dispatch.Item
	for _, c := range commands {
		m, err := r.onceMessage(v, c)
		if err != nil {
			log.Error(err, "Losing an event of delivery AtMostOnce", "step", c.Step)
			continue
		}
		items = append(items, dispatch.Item{ID: m.ID, Message: m.Message})
	}
	if len(items) > 0 {
		r.Outbox.Once(sagaOf(v.saga), items)
	}
}

var errNoTopics = errors.New("its participant is not there")

func (r *SagaReconciler) onceMessage(v *visit, c engine.Command) (outbound.Message, error) {
	topics, ok := v.topics[c.Participant]
	if !ok {
		return outbound.Message{}, errNoTopics
	}
	return r.Encoder.Command(v.id, c, topics)
}
