package participanttest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/participant"
)

// Event is what a participant published, already checked against the contract.
type Event struct {
	ID            string
	Source        string
	Type          string // <participant>.<event>
	CorrelationID string
	Subject       string
	DataSchema    string
	Time          time.Time
	Data          string // a JSON object
	TraceParent   string
	Message       participant.Message // as it was read
}

// ReadEvent reads an event and fails the test where the contract is broken, or where the record's key is not the correlation id.
func ReadEvent(t testing.TB, m participant.Message) Event {
	t.Helper()
	in := wire.Message{Topic: m.Topic, Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		in.Headers = append(in.Headers, wire.Header(h))
	}
	e, err := wire.DecodeCloudEvent(in)
	if err != nil {
		t.Fatalf("event breaks the contract: %v", err)
	}
	data, err := e.JSON()
	if err != nil || !strings.HasPrefix(string(data), "{") {
		t.Errorf("event %s has data %s, which is no JSON object, error %v", e.ID, data, err)
	}
	if e.CorrelationID == "" || string(m.Key) != e.CorrelationID {
		t.Errorf("event %s has correlation id %q and key %q", e.ID, e.CorrelationID, m.Key)
	}
	if whose, what, ok := strings.Cut(e.Type, "."); !ok || whose == "" || what == "" {
		t.Errorf("event %s has type %q, not <participant>.<event>", e.ID, e.Type)
	}
	return Event{ID: e.ID, Source: e.Source, Type: e.Type, CorrelationID: e.CorrelationID, Subject: e.Subject, DataSchema: e.DataSchema,
		Time: e.Time, Data: string(data), TraceParent: e.TraceParent, Message: m}
}

// Events waits until topic has n events, and returns the first n of them: those of one key in the order in which they were published.
func (o *Operator) Events(t testing.TB, topic string, n int) []Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	found := make(chan participant.Message)
	for partition := range 2 {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: o.Brokers(), Topic: topic, Partition: partition,
			MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond})
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			pass(ctx, r, found)
		}()
		defer func() {
			cancel()
			<-ended
			if err := r.Close(); err != nil {
				t.Errorf("closing a reader of %s: %v", topic, err)
			}
		}()
	}
	all := make([]Event, 0, n)
	for len(all) < n {
		select {
		case m := <-found:
			all = append(all, ReadEvent(t, m))
		case <-ctx.Done():
			t.Fatalf("%s has %d events after %s, not %d", topic, len(all), Patience, n)
		}
	}
	return all
}

// pass hands on what a reader reads until ctx ends or reading fails, which the waiting side finds out by its patience.
func pass(ctx context.Context, r *kafka.Reader, to chan<- participant.Message) {
	for {
		m, err := r.FetchMessage(ctx)
		if err != nil {
			return
		}
		select {
		case to <- received(m):
		case <-ctx.Done():
			return
		}
	}
}

func received(m kafka.Message) participant.Message {
	in := participant.Message{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		in.Headers = append(in.Headers, participant.Header{Key: h.Key, Value: h.Value})
	}
	return in
}
