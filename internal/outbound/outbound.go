// Package outbound turns what the engine asks into messages of the wire contract. It is pure.
package outbound

import (
	"encoding/json"
	"fmt"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Encoder knows what all messages of one installation have in common.
type Encoder struct {
	Installation   string
	Keys           *wire.Keyring
	ReplyPartition func(uid string) (int32, error)
}

// Message is an encoded message, with the id under which it is sent once.
type Message struct {
	ID       string
	Message  wire.Message
	Backward bool
	Timeout  time.Duration // zero for an event
}

// Saga translates the engine's identity into the contract's.
func (e Encoder) Saga(s engine.Saga) wire.Saga {
	return wire.Saga{
		Installation: e.Installation, UID: s.UID, Namespace: s.Namespace, Name: s.Name,
		IdempotencyKey: s.IdempotencyKey, BusinessKey: s.BusinessKey,
	}
}

// CommandID is the id under which a command leaves; for what is published, that of its event.
func (e Encoder) CommandID(s engine.Saga, c engine.Command) string {
	switch {
	case c.Publish && c.Direction == engine.Backward:
		return wire.UndoingEventID(e.Saga(s), c.Step, c.Round)
	case c.Publish:
		return wire.EventID(e.Saga(s), c.Step, c.Round)
	}
	return s.UID + "/" + c.Key()
}

// Command encodes a command for the participant's commands topic, or an event for its events topic.
func (e Encoder) Command(s engine.Saga, c engine.Command, topics v1alpha1.ParticipantTopics) (Message, error) {
	if c.Publish {
		return e.event(s, c, topics.Events)
	}
	partition, err := e.ReplyPartition(s.UID)
	if err != nil {
		return Message{}, fmt.Errorf("choosing the reply partition: %w", err)
	}
	command := wire.Command{
		Saga: e.Saga(s), Step: c.Step, Direction: wire.Direction(c.Direction), Round: c.Round, Attempt: c.Attempt,
		Type: c.Type, Data: c.Data, Time: c.Time, Expiry: c.Expiry, Adopts: c.Adopts, Observed: c.Observed, CausationID: causation(s, c.CausedBy),
		ReplyTo: wire.RepliesTopic(e.Installation), ReplyPartition: partition,
	}
	if c.Direction == engine.Backward {
		forward := wire.Command{Saga: command.Saga, Step: c.Step, Direction: wire.Forward, Round: c.UndoesRound}
		command.Undoes = forward.IdempotencyKey()
	}
	m, err := wire.EncodeCommand(command, topics.Commands, e.Keys)
	if err != nil {
		return Message{}, fmt.Errorf("encoding %s: %w", c.Key(), err)
	}
	return Message{ID: command.ID(), Message: m, Backward: c.Direction == engine.Backward, Timeout: c.Timeout}, nil
}

func (e Encoder) event(s engine.Saga, c engine.Command, topic string) (Message, error) {
	saga := e.Saga(s)
	event := wire.Event{
		Saga: saga, Step: c.Step, ID: e.CommandID(s, c), Type: c.Type, Data: c.Data, Time: c.Time,
		CausationID: causation(s, c.CausedBy),
	}
	m, err := wire.EncodeEvent(event, topic)
	if err != nil {
		return Message{}, fmt.Errorf("encoding %s: %w", c.Key(), err)
	}
	return Message{ID: event.ID, Message: m, Backward: c.Direction == engine.Backward}, nil
}

func causation(s engine.Saga, causedBy string) string {
	if causedBy == "" {
		return ""
	}
	return s.UID + "/" + causedBy
}

// outcome is the data of an outcome event. Nothing in it changes while the event may be sent again.
type outcome struct {
	Namespace   string          `json:"namespace"`
	Name        string          `json:"name"`
	UID         string          `json:"uid"`
	Definition  string          `json:"definition,omitempty"`
	Revision    string          `json:"revision,omitempty"`
	BusinessKey string          `json:"businessKey,omitempty"`
	Cause       *v1alpha1.Cause `json:"cause,omitempty"`
}

// Announcement encodes the event that tells of a saga's end, or of its wait for a person.
func (e Encoder) Announcement(s engine.Saga, saga *v1alpha1.Saga, a engine.Announcement) (Message, error) {
	data := outcome{
		Namespace: s.Namespace, Name: s.Name, UID: s.UID, Revision: saga.Status.Revision,
		BusinessKey: saga.Spec.BusinessKey, Cause: saga.Status.Cause,
	}
	if saga.Spec.DefinitionRef != nil {
		data.Definition = saga.Spec.DefinitionRef.Name
	}
	body, err := json.Marshal(data)
	if err != nil {
		return Message{}, fmt.Errorf("encoding the outcome: %w", err)
	}
	ws := e.Saga(s)
	event := wire.Event{Saga: ws, ID: wire.EventID(ws, a.Outcome, a.Number), Type: "saga." + a.Outcome, Data: body, Time: a.Time}
	m, err := wire.EncodeEvent(event, wire.OutcomesTopic(e.Installation))
	if err != nil {
		return Message{}, fmt.Errorf("encoding the outcome: %w", err)
	}
	return Message{ID: AnnouncementID(s, a), Message: m}, nil
}

// AnnouncementID is the id under which an announcement is sent once. It is not that of the event: a publish step may
// bear the outcome's name.
func AnnouncementID(s engine.Saga, a engine.Announcement) string {
	return fmt.Sprintf("%s/announcement/%s/%d", s.UID, a.Outcome, a.Number)
}
