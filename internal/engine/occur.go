package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Bounds of the events that are kept for steps that have not started: of one step, and of all together.
const (
	maxEarly      = 8
	maxEarlyBytes = v1alpha1.MaxOutputsBytes / 2
)

// occurred settles an event of a participant. It completes or fails the first step that waits for it; where none does, it is kept
// for the first that has not started; else it counts for one whose time is over.
func (d *decision) occurred(e Occurred) Verdict {
	id := e.digest()
	if d.ended() || knows(d.s, id) {
		return Settled
	}
	for _, turn := range []func(int) bool{d.waitsNow, d.waitsLater, d.waitedBefore} {
		for i := range d.s.Steps {
			outcome, ok := d.hears(i, e)
			if !ok || !turn(i) {
				continue
			}
			if verdict := d.offer(i, e, outcome, id); verdict != Settled {
				return verdict
			}
		}
	}
	return Settled
}

// waitsNow, waitsLater and waitedBefore say whose turn it is to be offered an event: the steps that wait for one, then those that
// have not started, then those whose time is over.
func (d *decision) waitsNow(i int) bool   { return d.isOpen(d.s, i) }
func (d *decision) waitsLater(i int) bool { return d.s.Steps[i].State == v1alpha1.StepNotStarted }
func (d *decision) waitedBefore(i int) bool {
	return !d.waitsNow(i) && !d.waitsLater(i)
}

// Knows says whether the saga has taken, or keeps, an event.
func Knows(s State, e Occurred) bool { return knows(&s, e.digest()) }

func knows(s *State, id string) bool {
	for i := range s.Steps {
		st := &s.Steps[i]
		kept := slices.ContainsFunc(st.Events, func(e v1alpha1.EarlyEvent) bool { return e.EventID == id })
		if kept || st.EventID == id {
			return true
		}
	}
	return false
}

// hears says whether step i listens for events like e, and what they tell.
func (p Run) hears(i int, e Occurred) (Outcome, bool) {
	l := p.Program.steps[i].await
	if l == nil || p.Program.steps[i].participant != e.Participant {
		return "", false
	}
	if key, err := p.keyOf(i); err != nil || key != e.Key {
		return "", false
	}
	switch e.Type {
	case l.succeeded:
		return Succeeded, true
	case l.failed:
		return Failed, l.failed != ""
	}
	return "", false
}

// keyOf is what the events of step i are correlated by. It depends on params and the saga's identity only.
func (p Run) keyOf(i int) (string, error) {
	l := p.Program.steps[i].await
	if l.key == nil {
		return p.saga.BusinessKey, nil
	}
	return l.key.Write(p.values(&State{}))
}

// offer gives an event to a step that listens for its kind. Settled: not to this one.
func (d *decision) offer(i int, e Occurred, outcome Outcome, id string) Verdict {
	st := &d.s.Steps[i]
	switch {
	case st.State == v1alpha1.StepNotStarted && d.backward() && d.tookHold(i, e, outcome):
		return d.doneUnasked(i, id)
	case st.State == v1alpha1.StepNotStarted && d.backward() && !d.matters(i, e, outcome):
		return Settled // the step will never start
	case st.State == v1alpha1.StepNotStarted:
		return d.keepEarly(i, e, id)
	}
	switch {
	case st.State == v1alpha1.StepSkipped || !d.passes(i, e):
		return Settled
	case outcome == Succeeded && d.undone(i):
		return Late // it was undone before it was done: nobody undoes it again
	case st.Action == nil && d.tookHold(i, e, outcome) && st.State == v1alpha1.StepNeedsIntervention:
		return d.doneUnasked(i, id)
	case st.Action == nil && outcome == Succeeded && d.undoes(i):
		return d.doneMeanwhile(i, id)
	case st.Action == nil:
		return Settled
	}
	x := st.Action
	verdict := d.forwardReply(i, x, Replied{
		Step: st.Name, Direction: Forward, Round: x.Round, Attempt: x.Attempt, Outcome: outcome, Body: e.Data, DataSchema: e.DataSchema,
	})
	if verdict == Applied {
		st.EventID, x.DueTime = id, nil
		d.causedBy = "" // no command led to what follows
		d.passOnFrom(i)
	}
	return verdict
}

// undone says whether step i, of which an event tells, was undone by its compensation already.
func (d *decision) undone(i int) bool {
	st := &d.s.Steps[i]
	x := st.Compensation
	return st.State == v1alpha1.StepCompensated && x != nil && x.Outcome == v1alpha1.ExchangeSucceeded && !d.succeededBefore(st)
}

// succeededBefore says whether the step was known to have taken effect.
func (d *decision) succeededBefore(st *v1alpha1.StepStatus) bool {
	return st.Action != nil && st.Action.Outcome == v1alpha1.ExchangeSucceeded
}

// tookHold says whether an event tells, of a saga that goes back, that its point of no return was passed all the same: a pivot that
// has not started, or a step beyond it that others may have done. Where the key is another saga's, the event is that one's, too.
func (d *decision) tookHold(i int, e Occurred, outcome Outcome) bool {
	if !d.backward() || d.s.Cause.Code == v1alpha1.CodeKeyUsed {
		return false
	}
	recovery := d.Program.steps[i].recovery
	return outcome == Succeeded && d.passes(i, e) && (recovery == v1alpha1.RecoveryPivot || recovery == v1alpha1.RecoveryRetriable && d.observed)
}

// doneUnasked has a person decide about such a step, and tells them that it was done.
func (d *decision) doneUnasked(i int, id string) Verdict {
	st := &d.s.Steps[i]
	d.wait(st)
	x := d.open(st, 1)
	d.stamp(i, Forward, x, "")
	d.end(x, v1alpha1.ExchangeSucceeded)
	x.Code, x.Message = v1alpha1.CodeLateSuccess, "an event says that it was done"
	st.EventID = id
	return Applied
}

// undoes says whether step i is being undone, or waits for a person who decides whether it is.
func (d *decision) undoes(i int) bool {
	state := d.s.Steps[i].State
	return d.Program.steps[i].compensation != nil && (state == v1alpha1.StepCompensating || state == v1alpha1.StepNeedsIntervention)
}

// doneMeanwhile remembers that a step was done that this saga has not begun, and is undoing: it need not be told of it again.
func (d *decision) doneMeanwhile(i int, id string) Verdict {
	st := &d.s.Steps[i]
	x := d.open(st, 1)
	d.stamp(i, Forward, x, "")
	d.end(x, v1alpha1.ExchangeSucceeded)
	st.EventID = id
	return Applied
}

// passes says whether the filter of step i, where it has one, lets the event through.
func (d *decision) passes(i int, e Occurred) bool {
	filter := d.Program.steps[i].await.filter
	if filter == nil {
		return true
	}
	holds, err := d.filtered(i, e)
	return err == nil && holds
}

func (d *decision) filtered(i int, e Occurred) (bool, error) {
	def := &d.Program.steps[i]
	data, err := d.present(def, e.Data, e.DataSchema)
	if err != nil {
		return false, err
	}
	e.Data = data
	values := d.values(d.s)
	if values.Event, err = e.JSON(); err != nil {
		return false, err
	}
	return def.await.filter.Holds(values)
}

// keepEarly keeps an event until its step starts. A filter that reads outputs of other steps is judged only then.
func (d *decision) keepEarly(i int, e Occurred, id string) Verdict {
	st, filter := &d.s.Steps[i], d.Program.steps[i].await.filter
	if filter != nil && !filter.ReadsSteps() && !d.passes(i, e) {
		return Settled
	}
	raw, err := json.Marshal(early{e, e.Data})
	if err != nil || len(st.Events) >= maxEarly || len(e.Data) > v1alpha1.MaxOutputBytes || len(raw)+earlyBytes(d.s) > maxEarlyBytes {
		return Late // it cannot be kept: the dead-letter topic has it
	}
	st.Events = append(st.Events, v1alpha1.EarlyEvent{EventID: id, Event: &runtime.RawExtension{Raw: raw}})
	return Applied
}

// early is how an event is kept.
type early struct {
	Occurred
	Data json.RawMessage `json:",omitempty"`
}

// takeEarly settles step i, which has just started, with an event that came before. What it does not take is passed on.
func (d *decision) takeEarly(i int) {
	st := &d.s.Steps[i]
	kept := st.Events
	st.Events = nil
	for n, k := range kept {
		e, ok := occurredOf(k)
		outcome, hears := d.hears(i, e)
		if ok && hears && d.offer(i, e, outcome, k.EventID) == Applied {
			kept = slices.Delete(slices.Clone(kept), n, n+1)
			break
		}
	}
	d.passOn(kept)
}

// passOn offers events that were kept for a step that takes none of them any more to the others.
func (d *decision) passOn(kept []v1alpha1.EarlyEvent) {
	for _, k := range kept {
		if e, ok := occurredOf(k); ok {
			d.occurred(e)
		}
	}
}

// passOnFrom does so with those of step i.
func (d *decision) passOnFrom(i int) {
	kept := d.s.Steps[i].Events
	d.s.Steps[i].Events = nil
	d.passOn(kept)
}

// takeEffect judges, for a saga on its way back, what the events say that were kept for step i: what has taken effect is undone.
func (d *decision) takeEffect(i int) {
	st := &d.s.Steps[i]
	kept := st.Events
	st.Events = nil
	for _, k := range kept {
		e, ok := occurredOf(k)
		outcome, hears := d.hears(i, e)
		if ok && hears && d.tookHold(i, e, outcome) {
			d.doneUnasked(i, k.EventID)
			return
		}
		if !ok || !hears || !d.matters(i, e, outcome) {
			continue
		}
		x := d.open(st, 1)
		d.stamp(i, Forward, x, "")
		st.EventID = k.EventID
		if outcome == Succeeded {
			d.end(x, v1alpha1.ExchangeSucceeded)
			st.State = v1alpha1.StepSucceeded
			return
		}
		d.end(x, v1alpha1.ExchangeFailed) // unless an event behind it says otherwise
		f := d.failureOf(i, e.Data)
		x.Code, x.Message = f.code, f.message
		st.State = v1alpha1.StepFailed
	}
}

// matters says whether an event tells, of a step that has not started, what is to be undone, or that there is nothing to undo: of an
// action without compensation, too, since services have gone on behind it where it was done, and not where it has failed.
func (d *decision) matters(i int, e Occurred, outcome Outcome) bool {
	def := &d.Program.steps[i]
	return (outcome == Failed || def.kind == kindAction || def.compensation != nil) && d.passes(i, e)
}

func occurredOf(k v1alpha1.EarlyEvent) (Occurred, bool) {
	var e early
	if k.Event == nil || json.Unmarshal(k.Event.Raw, &e) != nil {
		return Occurred{}, false
	}
	e.Occurred.Data = e.Data
	return e.Occurred, true
}

// digest names the event: its source and id are unique together.
func (e Occurred) digest() string {
	sum := sha256.Sum256([]byte(e.Source + "\x00" + e.ID))
	return hex.EncodeToString(sum[:16])
}

// JSON is the event as expressions read it.
func (e Occurred) JSON() ([]byte, error) {
	at := ""
	if !e.Time.IsZero() {
		at = e.Time.UTC().Format(time.RFC3339Nano)
	}
	data := json.RawMessage(e.Data)
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	return json.Marshal(struct {
		ID            string          `json:"id"`
		Source        string          `json:"source"`
		Type          string          `json:"type"`
		Subject       string          `json:"subject"`
		Time          string          `json:"time"`
		DataSchema    string          `json:"dataschema"`
		CorrelationID string          `json:"correlationid"`
		Data          json.RawMessage `json:"data"`
	}{e.ID, e.Source, e.Type, e.Subject, at, e.DataSchema, e.CorrelationID, data})
}

// Listens returns the events that a saga would take: those of all steps that they have not settled, whether these have started
// or not. A saga that has not started yet listens, too: events that come early are then kept by whoever hears them.
func (p Run) Listens(s State) []Listening {
	if s.EndTime != nil || !p.fits(&s) {
		return nil
	}
	var listens []Listening
	for i := range p.Program.steps {
		def := &p.Program.steps[i]
		if def.await == nil || s.StartTime != nil && settledByEvent(&s.Steps[i]) {
			continue
		}
		key, err := p.keyOf(i)
		if err != nil {
			continue // the step fails when its turn comes
		}
		for _, t := range []string{def.await.succeeded, def.await.failed} {
			l := Listening{Participant: def.participant, Type: t, Key: key}
			if t != "" && !slices.Contains(listens, l) {
				listens = append(listens, l)
			}
		}
	}
	return listens
}

func settledByEvent(st *v1alpha1.StepStatus) bool {
	return st.State == v1alpha1.StepSkipped || st.EventID != "" && st.Action != nil && st.Action.Outcome == v1alpha1.ExchangeSucceeded
}
