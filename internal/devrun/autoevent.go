package devrun

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/casetest"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/local"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// autoEvents publishes, in place of participants that are not there, the events that steps have waited for long enough.
func (r *session) autoEvents(ctx context.Context, s *local.Saga) error {
	for i := range s.State().Steps {
		state := &s.State().Steps[i]
		def := stepOf(s, state.Name)
		awaits := def != nil && (def.Await != nil || s.Observed() && def.Action != nil)
		if !awaits || state.State != v1alpha1.StepRunning || state.Action == nil || r.stubs.real[def.Participant] || r.o.AutoEvents == 0 {
			continue
		}
		place := s.Identity.UID + "/" + state.Name
		since, begun := r.waiting[place]
		if !begun {
			r.waiting[place] = time.Now()
			continue
		}
		if since.IsZero() || time.Since(since) < r.o.AutoEvents {
			continue
		}
		r.waiting[place] = time.Time{} // once
		if err := r.autoEvent(ctx, s, def); err != nil {
			return err
		}
	}
	return nil
}

func (r *session) autoEvent(ctx context.Context, s *local.Saga, def *v1alpha1.Step) error {
	e, ok := r.eventFor(s, def)
	if !ok {
		return nil
	}
	m := eventMessage(e, r.topics.of(def.Participant).Events, r.now())
	if err := r.stubs.producer.Send(ctx, []wire.Message{m}); err != nil {
		return fmt.Errorf("publishing %s: %w", e.Type, err)
	}
	r.screen.line("stub %s publishes %s %s for %s", def.Participant, e.Type, e.Data, s.Identity.Name)
	return nil
}

// eventFor makes the event that the step waits for, as the script describes it. It says on the screen why there is none.
func (r *session) eventFor(s *local.Saga, def *v1alpha1.Step) (e engine.Occurred, ok bool) {
	e = engine.Occurred{Participant: def.Participant, Source: "/" + def.Participant, ID: "stub/" + s.Identity.UID + "/" + def.Name}
	var err error
	if def.Await != nil {
		e.Type = def.Participant + "." + def.Await.Event
		e, err = r.awaited(s, def, e)
	} else {
		asked := casetest.Asked{Step: def.Name, Direction: engine.Forward, Round: 1, Attempt: 1}
		var reply casetest.Reply
		reply, err = r.scriptOf(s).Answer(asked, &s.Definition)
		if reply.Silent {
			return e, false
		}
		succeeded, failed := casetest.TypesOf(def)
		if e.Type = succeeded; reply.Outcome != engine.Succeeded {
			e.Type = failed
		}
		e.Data, e.DataSchema = reply.Body, reply.DataSchema
		if err == nil {
			err = r.correlate(s, &e)
		}
	}
	if err != nil {
		r.screen.line("stub %s cannot publish %s for %s: %v", def.Participant, e.Type, s.Identity.Name, err)
	}
	return e, err == nil
}

// member is an eventKey that reads one member of the event's data.
var member = regexp.MustCompile(`^\s*event\.data\.([A-Za-z_][A-Za-z0-9_]*)\s*$`)

// correlate puts the key, by which the saga awaits the event, where the participant's eventKey reads it from.
func (r *session) correlate(s *local.Saga, e *engine.Occurred) error {
	e.CorrelationID = s.Identity.BusinessKey
	for _, l := range s.Listens() {
		if l.Type == e.Type && l.Participant == e.Participant {
			e.Key = l.Key
		}
	}
	participant, source := r.topics.described[e.Participant], "event.correlationid"
	if participant != nil && participant.Spec.EventKey != "" {
		source = strings.TrimSpace(participant.Spec.EventKey)
	}
	switch found := member.FindStringSubmatch(source); {
	case source == "event.correlationid":
		e.CorrelationID = e.Key
	case source == "event.subject":
		e.Subject = e.Key
	case found != nil:
		return setMember(e, found[1])
	}
	if key, err := casetest.KeyOf(*e, participant); err != nil || key != e.Key {
		return fmt.Errorf("nothing is known of how eventKey %q comes to %q; publish it yourself, or name its data in a script", source, e.Key)
	}
	return nil
}

func setMember(e *engine.Occurred, name string) error {
	data := map[string]any{}
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return fmt.Errorf("reading the event's data: %w", err)
	}
	data[name] = e.Key
	raw, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("writing the event's data: %w", err)
	}
	e.Data = raw
	return nil
}

// eventMessage is an event as a service publishes it: a CloudEvent in Kafka's binary mode.
func eventMessage(e engine.Occurred, topic string, now time.Time) wire.Message {
	m := wire.Message{Topic: topic, Partition: -1, Key: []byte(e.Key), Value: e.Data}
	for _, h := range [][2]string{
		{wire.HeaderSpecVersion, "1.0"}, {wire.HeaderContentType, "application/json"}, {wire.HeaderID, e.ID}, {wire.HeaderType, e.Type},
		{wire.HeaderSource, e.Source}, {wire.HeaderSubject, e.Subject}, {wire.HeaderTime, now.UTC().Format(time.RFC3339)},
		{wire.HeaderCorrelationID, e.CorrelationID}, {wire.HeaderDataSchema, e.DataSchema},
	} {
		if h[1] != "" {
			m.Headers = append(m.Headers, wire.Header{Key: h[0], Value: []byte(h[1])})
		}
	}
	return m
}
