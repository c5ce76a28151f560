package participant

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"regexp"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Event is what a service tells whoever listens on its events topic: other services, and sagas that await it or observe the service.
type Event struct {
	// Name is the event's without the participant: charge-succeeded of payment is published as payment.charge-succeeded. Lower
	// case letters, digits and dashes, at most 80 characters; it begins with a letter and ends with no dash. Required.
	Name string
	// CorrelationID is what it is about: the saga's business key, which a command brings as its CorrelationID. It is the record's
	// key, too: events about the same keep their order. Plain text of at most 512 bytes. Required.
	CorrelationID string
	// Data is nil, or what encodes to a JSON object of at most 16 KiB.
	Data any
	// ID is unique among the events of the participant's Source: who has heard of one drops the next with its id. Plain text of at
	// most 512 bytes. Defaults to one at random, which suits what a transaction publishes once.
	ID string
	// Subject is a text of at most 256 bytes. Optional.
	Subject string
	// DataSchema is the version of Data, for definitions that understand several: plain text of at most 512 bytes, of which upcasts
	// can name at most 253 characters. Optional.
	DataSchema string
	// TraceParent and TraceState continue a trace, such as that of a command. Optional; what is no W3C trace context is left out.
	TraceParent, TraceState string
}

// maxEventName is how long an event's name may be, in characters, as in SagaDefinition.
const maxEventName = 80

var eventName = regexp.MustCompile(`^[a-z]([-a-z0-9]*[a-z0-9])?$`)

// Publish stores an event in tx. The Runner whose Outbox this participant is sends it once tx is committed: at least once, with the
// same id and the same bytes each time, and after the events about the same CorrelationID that were committed before tx published
// this one. Transactions that run at the same time have no order. If tx is rolled back, nothing is published; so is what a handler
// publishes and then answers by Fail or RetryAfter.
//
// tx is a handler's, or one of the service's own. Errors: ErrInvalidEvent, which names the field that breaks the contract, and its
// bound, and which a handler may return like one of Fail's, with code InvalidOutput; any other is the database's.
func (p *Participant) Publish(ctx context.Context, tx *sql.Tx, e Event) error {
	m, err := p.encodeEvent(e)
	if err != nil {
		return &failure{code: CodeInvalidOutput, message: err.Error(), err: ErrInvalidEvent}
	}
	return p.outbox.store(ctx, tx, m, p.config.Now())
}

func (p *Participant) encodeEvent(e Event) (Message, error) {
	if err := e.check(); err != nil {
		return Message{}, err
	}
	data, err := objectOf(e.Data)
	if err != nil {
		return Message{}, fmt.Errorf("the event's Data %w", err)
	}
	if e.ID == "" {
		e.ID = rand.Text()
	}
	m, err := wire.EncodeCloudEvent(wire.CloudEvent{
		ID: e.ID, Source: p.config.Source, Type: p.config.Name + "." + e.Name, Subject: e.Subject, Time: p.config.Now(),
		DataSchema: e.DataSchema, CorrelationID: e.CorrelationID, Data: data, TraceParent: e.TraceParent, TraceState: e.TraceState,
	}, p.config.EventsTopic)
	return fromWire(m), err
}

// check judges all but the data.
func (e Event) check() error {
	if len(e.Name) > maxEventName || !eventName.MatchString(e.Name) {
		return fmt.Errorf("the event's Name is %.100q (%d bytes): lower case letters, digits and dashes, at most %d, "+
			"from a letter on and without a dash at the end", e.Name, len(e.Name), maxEventName)
	}
	if e.CorrelationID == "" {
		return errNoCorrelation
	}
	for _, field := range []struct{ name, header, value string }{
		{"CorrelationID", wire.HeaderCorrelationID, e.CorrelationID}, {"ID", wire.HeaderID, e.ID},
		{"Subject", wire.HeaderSubject, e.Subject}, {"DataSchema", wire.HeaderDataSchema, e.DataSchema},
	} {
		if err := wire.CheckHeader(field.header, field.value); err != nil {
			return fmt.Errorf("the event's %s: %w", field.name, err)
		}
	}
	return nil
}
