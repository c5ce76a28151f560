package controllers

import (
	"context"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/outbound"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/replies"
)

// visit is everything that one look at a saga found, before anything is decided.
type visit struct {
	saga *v1alpha1.Saga
	live bool
	now  time.Time
	ear  heard
	seen int // how often messages had become readable when this visit began

	eventsHeard map[string]replies.Heard // likewise, by topic

	id          engine.Saga
	compiled    *program.Compiled // nil where the definition is not to be had
	run         engine.Run
	revision    string
	digest      string
	acceptance  engine.Acceptance
	specChanged bool
	topics      map[string]v1alpha1.ParticipantTopics

	concurrencyKey string // that keeps it apart from others of its definition; empty: none
	successor      string // the saga that wants to run in its place; empty: none

	events     []engine.Event
	deliveries []replies.Delivery // of this saga; events[i] is deliveries[i] for the first of them
	strangers  []replies.Delivery // of another saga of this name
	occurred   []events.Delivery  // events of participants; they stand in events behind the deliveries
	unstorable []events.Delivery  // those of them that keep the status from being stored
	acked      func(id string) (time.Time, bool)
	commandID  func(engine.Timer) string
	wrote      bool // this visit has stored a status
}

// heard is what was heard before the replies of this visit were taken: nothing that came later may count as silence.
type heard struct{ replies.Heard }

func (h heard) ReadableSince() (time.Time, bool) {
	return h.Heard.ReadableSince, !h.Heard.ReadableSince.IsZero()
}
func (h heard) HeardUntil() time.Time { return h.Until }

// gather does every read of a visit.
func (r *SagaReconciler) gather(ctx context.Context, saga *v1alpha1.Saga, live bool) (*visit, error) {
	seen, eventsHeard := r.wakes.timesReadable(), r.Events.Heard()
	known, deliveries := r.Replies.Gather(saga.Namespace, saga.Name)
	v := &visit{saga: saga, live: live, now: r.Now().UTC(), ear: heard{known}, seen: seen, eventsHeard: eventsHeard}
	for _, d := range deliveries {
		if d.Reply.SagaUID == string(saga.UID) {
			v.deliveries = append(v.deliveries, d)
		} else {
			v.strangers = append(v.strangers, d)
		}
	}
	if v.stripped() || v.phase() == v1alpha1.PhaseRejected {
		r.Events.Forget(saga.Namespace, saga.Name)
		return v, nil
	}
	if err := r.accept(ctx, v); err != nil {
		return nil, err
	}
	if err := r.takeTurn(ctx, v); err != nil {
		return nil, err
	}
	r.listen(v)
	if v.runnable() {
		uid := string(saga.UID)
		v.acked = func(id string) (time.Time, bool) { return r.Outbox.Acknowledged(uid, id) }
		v.commandID = func(t engine.Timer) string {
			return r.Encoder.CommandID(v.id, engine.Command{Step: t.Step, Direction: t.Direction, Round: t.Round, Attempt: t.Attempt})
		}
		v.collect()
		r.published(v)
	}
	return v, nil
}

func (v *visit) phase() v1alpha1.SagaPhase { return v.saga.Status.Phase }
func (v *visit) started() bool             { return v.saga.Status.StartTime != nil }
func (v *visit) ended() bool               { return v.saga.Status.EndTime != nil }
func (v *visit) deleting() bool            { return !v.saga.DeletionTimestamp.IsZero() }
func (v *visit) finalized() bool           { return hasFinalizer(v.saga) }

// stripped says whether the copy holds only what the cache keeps of a settled saga.
func (v *visit) stripped() bool {
	return final(v.phase()) && v.saga.Spec.Definition == nil && v.saga.Spec.DefinitionRef == nil
}

// unseen says whether the spec of a saga that has ended was changed since: tools would wait for the status to show that it
// was seen, although it changes nothing any more.
func (v *visit) unseen() bool {
	return final(v.phase()) && v.saga.Status.ObservedGeneration != v.saga.Generation
}

// runnable says whether the engine may decide: the definition is there, and is what the saga started with.
func (v *visit) runnable() bool {
	if v.compiled == nil || v.specChanged {
		return false
	}
	return v.started() || v.acceptance.Status == metav1.ConditionTrue
}

// leaves says whether the saga is to go at once: nothing was sent, or what was done is to stay done.
func (v *visit) leaves() bool {
	if !v.deleting() || v.stripped() || v.ended() {
		return false
	}
	return !v.started() || v.saga.Spec.DeletionPolicy == v1alpha1.DeletionOrphan
}

func (v *visit) program() *engine.Program {
	if v.compiled == nil {
		return nil
	}
	return v.compiled.Program
}

// collect turns what was found into events: replies first and then the events of participants, so that deliveries, occurred and
// events share their indices.
func (v *visit) collect() {
	for _, d := range v.deliveries {
		v.events = append(v.events, engine.Replied{
			Step: d.Reply.Step, Direction: engine.Direction(d.Reply.Direction), Round: d.Reply.Round, Attempt: d.Reply.Attempt,
			Outcome: engine.Outcome(d.Reply.Outcome), Body: d.Reply.Body, DataSchema: d.Reply.DataSchema,
		})
	}
	v.occurrences()
	if !v.started() {
		v.events = append(v.events, engine.Started{Revision: v.revision, InputDigest: v.digest})
	}
	v.requests()
	for _, t := range v.run.Timers(v.saga.Status.SagaState) {
		if v.silence(t).Expired {
			v.events = append(v.events, engine.Fired{Timer: t})
		}
	}
}

// requests turns the spec's operational fields into events, as far as they were not taken yet.
func (v *visit) requests() {
	spec, status := &v.saga.Spec, &v.saga.Status
	ask := func(wanted bool, request engine.Request, latch v1alpha1.Latch) {
		if wanted && !slices.Contains(status.Latches, latch) {
			v.events = append(v.events, engine.Asked{Request: request})
		}
	}
	v.events = append(v.events, engine.Decisions(status.Steps, spec.Resolutions)...)
	ask(spec.Adopt, engine.Adopt, v1alpha1.LatchAdopt)
	ask(spec.Abort, engine.Abort, v1alpha1.LatchAbort)
	if !spec.Abort && v.successor != "" && !slices.Contains(status.Latches, v1alpha1.LatchAbort) {
		v.events = append(v.events, engine.Asked{Request: engine.Abort, Why: fmt.Sprintf("saga %q, which has its concurrency key, takes its place", v.successor)})
	}
	ask(v.deleting(), engine.Delete, v1alpha1.LatchDelete)
	switch {
	case spec.Suspend && status.SuspendTime == nil:
		v.events = append(v.events, engine.Asked{Request: engine.Suspend})
	case !spec.Suspend && status.SuspendTime != nil:
		v.events = append(v.events, engine.Asked{Request: engine.Resume})
	}
}

// silence judges a timer of this visit.
func (v *visit) silence(t engine.Timer) dispatch.Silence {
	switch t.Kind {
	case engine.TimerBackoff, engine.TimerDue:
		return dispatch.Silence{Expired: !v.now.Before(t.At), Due: t.At}
	case engine.TimerDeadline:
		return dispatch.ListenUntil(v.earOfAll(), t.At, v.now)
	case engine.TimerAwait:
		return dispatch.ListenUntil(v.earOf(t.Participant), t.At, v.now)
	case engine.TimerAttempt:
		acked, ok := v.acked(v.commandID(t))
		if !ok {
			return dispatch.Silence{Due: never} // the acknowledgement wakes the saga
		}
		return dispatch.Listen(v.ear, acked, t.Timeout, v.now)
	}
	return dispatch.Silence{Due: never}
}

// never is when to look again at what something else wakes.
var never = time.Unix(1<<40, 0)

// published turns the broker's acknowledgements of events into events for the engine. What cannot be rendered is not
// among them, and must not keep the saga from hearing of the rest; send tells of it.
func (r *SagaReconciler) published(v *visit) {
	commands, _ := v.run.Pending(v.saga.Status.SagaState)
	for _, c := range commands {
		if !c.Publish {
			continue
		}
		if _, ok := v.acked(r.Encoder.CommandID(v.id, c)); ok {
			v.events = append(v.events, engine.Published{Step: c.Step, Direction: c.Direction})
		}
	}
	a, ok := engine.Announce(v.saga.Status.SagaState)
	if !ok || v.ended() {
		return
	}
	if _, ok := v.acked(outbound.AnnouncementID(v.id, a)); ok {
		v.events = append(v.events, engine.Published{Intervention: a.Number})
	}
}

// next decides, on a copy, and sums up.
func (v *visit) next() (v1alpha1.SagaStatus, []engine.Verdict) {
	var verdicts []engine.Verdict
	state := v.saga.Status.SagaState
	if v.runnable() {
		state, verdicts = v.run.Next(state, v.now, v.events)
	}
	status := engine.Summarize(v.program(), state, v.facts(verdicts))
	status.ConcurrencyKey = v.concurrencyKey
	return status, verdicts
}

// needsLive says whether something cannot be judged on a copy from the cache: a reply that looks early, or whose saga looks
// unknown or changed; and what would stop the saga for good, since the cache may be late with what it refers to.
func (v *visit) needsLive(verdicts []engine.Verdict) bool {
	switch {
	case v.live:
		return false
	case len(v.strangers) > 0, len(v.deliveries) > 0 && (!v.runnable() || v.leaves()):
		return true
	case !v.ended() && !v.runnable() && (v.started() || v.acceptance.Final):
		return true
	}
	return slices.Contains(verdicts, engine.Unheard)
}

// facts are what the summary needs beside the state.
func (v *visit) facts(verdicts []engine.Verdict) engine.Facts {
	f := engine.Facts{
		Generation: v.saga.Generation, Now: v.now, Acceptance: v.acceptance, SpecChanged: v.specChanged,
		Suspend: v.saga.Spec.Suspend, Previous: v.saga.Status.Conditions,
	}
	if v.ended() {
		f.Acceptance = accepted // what it needed may be gone by now
	}
	for i, verdict := range verdicts {
		if resolve, ok := v.events[i].(engine.Resolve); ok && verdict == engine.Refused {
			f.Refused = append(f.Refused, fmt.Sprintf("%s of step %q, decision %d, does not fit what it waits for",
				resolve.Action, resolve.Step, resolve.Decision))
		}
	}
	return f
}

// wakeAfter says when to look again, now that all is stored; zero: something else wakes the saga.
func (r *SagaReconciler) wakeAfter(v *visit) time.Duration {
	if !v.runnable() {
		return 0
	}
	var wake time.Time
	for _, t := range v.run.Timers(v.saga.Status.SagaState) {
		silence := v.silence(t)
		switch {
		case silence.Expired:
			return time.Millisecond
		case silence.Due.IsZero():
			r.wakes.whenReadable(v.saga, v.seen)
		case silence.Due != never && (wake.IsZero() || silence.Due.Before(wake)):
			wake = silence.Due
		}
	}
	if wake.IsZero() {
		return 0
	}
	return max(wake.Sub(v.now), time.Millisecond)
}
