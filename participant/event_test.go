package participant_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/participant"
	"github.com/sagas-dev/saga-operator/participant/participanttest"
)

// runs runs a Runner until the test ends, or until stop is called.
func runs(t *testing.T, r *participant.Runner) (stop func()) {
	t.Helper()
	r.Logger, r.Grace = slog.New(slog.DiscardHandler), time.Second
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the runner ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// publish publishes events in one transaction of the service's own, as soon as the database is not busy.
func (s *shop) publish(t *testing.T, all ...participant.Event) {
	t.Helper()
	for deadline := time.Now().Add(participanttest.Patience); ; {
		err := s.tryToPublish(t, all)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("publishing: %v", err)
		}
	}
}

func (s *shop) tryToPublish(t *testing.T, all []participant.Event) error {
	tx, err := s.db.BeginTx(t.Context(), nil)
	if err != nil {
		return err
	}
	for _, e := range all {
		if err := s.Publish(t.Context(), tx, e); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return tx.Commit()
}

// awaitEmptyOutbox returns once the broker has everything.
func (s *shop) awaitEmptyOutbox(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(participanttest.Patience); rowsIn(t, s.db, "saga_outbox") > 0; <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d events wait after %s", rowsIn(t, s.db, "saga_outbox"), participanttest.Patience)
		}
	}
}

func TestWhatAHandlerPublishesIsTold(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		op, s := participanttest.Start(t, commands, events), newShop(t, db, d)
		s.Handle("take", func(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
			return nil, s.Publish(ctx, tx, participant.Event{Name: "take-succeeded", CorrelationID: c.CorrelationID, Subject: c.Step,
				Data: map[string]int{"taken": 1}, DataSchema: "shop/taken/v2", TraceParent: c.TraceParent})
		})
		runs(t, &participant.Runner{Brokers: op.Brokers(), Topics: []string{commands}, Group: "shop", Processor: s, Outbox: s.Participant, Alone: true})
		for range 2 { // the answer is repeated, the event is not
			op.Ask(t, commands, take)
		}
		got := op.Events(t, events, 1)[0]
		want := participanttest.Event{ID: got.ID, Source: "/participants/shop", Type: "shop.take-succeeded", CorrelationID: "main/shop/a",
			Subject: "step", DataSchema: "shop/taken/v2", Time: s.now, Data: `{"taken":1}`, TraceParent: got.TraceParent}
		if got.Message = (participant.Message{}); got.ID == "" || got.TraceParent == "" || !equal(got, want) {
			t.Errorf("it told %+v, want %+v", got, want)
		}
		s.awaitEmptyOutbox(t)
		if n := op.Written(t, events); n != 1 {
			t.Errorf("it told %d events", n)
		}
	})
}

func equal(a, b participanttest.Event) bool {
	a.Message, b.Message = participant.Message{}, participant.Message{}
	return a.ID == b.ID && a.Source == b.Source && a.Type == b.Type && a.CorrelationID == b.CorrelationID && a.Subject == b.Subject &&
		a.DataSchema == b.DataSchema && a.Time.Equal(b.Time) && a.Data == b.Data && a.TraceParent == b.TraceParent
}

func TestWhatIsRolledBackIsNotTold(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		op, s := participanttest.Start(t, commands, events), newShop(t, db, d)
		told := participant.Event{Name: "taken", CorrelationID: "o-1"}
		then := func(err error) participant.Handler {
			return func(ctx context.Context, tx *sql.Tx, _ participant.Command) (any, error) {
				return nil, errors.Join(s.Publish(ctx, tx, told), err)
			}
		}
		s.Handle("fail", then(participant.Fail("NO", "not today")))
		s.Handle("wait", then(participant.RetryAfter(time.Second, nil)))
		s.Handle("break", then(errors.New("broken")))
		for command, outcome := range map[string]string{"fail": "failed", "wait": "retry", "break": "retry"} {
			if got := s.tell(t, ask{Saga: "a", Step: command, Type: "shop." + command}); got.Outcome != outcome {
				t.Errorf("%s was answered %+v", command, got)
			}
		}
		tx, err := db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Publish(t.Context(), tx, told), tx.Rollback()); err != nil {
			t.Fatal(err)
		}
		if n := rowsIn(t, db, "saga_outbox"); n != 0 {
			t.Errorf("%d events are kept of what was rolled back", n)
		}
		runs(t, &participant.Runner{Brokers: op.Brokers(), Outbox: s.Participant})
		s.publish(t, participant.Event{Name: "taken", CorrelationID: "o-2"})
		if got := op.Events(t, events, 1)[0]; got.CorrelationID != "o-2" {
			t.Errorf("it told %+v, of what was rolled back", got)
		}
		s.awaitEmptyOutbox(t)
		if n := op.Written(t, events); n != 1 {
			t.Errorf("it told %d events, want only what was committed", n)
		}
	})
}

func TestAnEventThatBreaksTheContractIsRefusedWithFieldAndBound(t *testing.T) {
	s := newShop(t, prepared(t, openSQLite(t, t.TempDir()+"/books.db"), participant.SQLite), participant.SQLite)
	long := func(n int) string { return strings.Repeat("x", n) }
	for name, row := range map[string]struct {
		event participant.Event
		words []string
	}{
		"no name":               {participant.Event{CorrelationID: "o-1"}, []string{"Name", "80"}},
		"a name with a dot":     {participant.Event{Name: "shop.taken", CorrelationID: "o-1"}, []string{"Name", "shop.taken"}},
		"a long name":           {participant.Event{Name: long(81), CorrelationID: "o-1"}, []string{"Name", "81", "80"}},
		"no correlation id":     {participant.Event{Name: "taken"}, []string{"CorrelationID"}},
		"a long correlation id": {participant.Event{Name: "taken", CorrelationID: long(513)}, []string{"CorrelationID", "513", "512"}},
		"a line break in it":    {participant.Event{Name: "taken", CorrelationID: "o\n1"}, []string{"CorrelationID"}},
		"a long id":             {participant.Event{Name: "taken", CorrelationID: "o-1", ID: long(513)}, []string{"ID", "513", "512"}},
		"a long subject":        {participant.Event{Name: "taken", CorrelationID: "o-1", Subject: long(257)}, []string{"Subject", "257", "256"}},
		"a long version":        {participant.Event{Name: "taken", CorrelationID: "o-1", DataSchema: long(513)}, []string{"DataSchema", "513", "512"}},
		"a list as data":        {participant.Event{Name: "taken", CorrelationID: "o-1", Data: []int{1}}, []string{"Data", "JSON object"}},
		"too much data":         {participant.Event{Name: "taken", CorrelationID: "o-1", Data: map[string]string{"x": long(16 << 10)}}, []string{"Data", "16392", "16384"}},
	} {
		s.Handle("tell", func(ctx context.Context, tx *sql.Tx, _ participant.Command) (any, error) {
			err := s.Publish(ctx, tx, row.event)
			if !errors.Is(err, participant.ErrInvalidEvent) {
				t.Errorf("%s: whoever publishes outside of a handler cannot know that %v won't pass", name, err)
			}
			return nil, err
		})
		got := s.expect(t, ask{Saga: strings.ReplaceAll(name, " ", "-"), Type: "shop.tell"}, "failed", participant.CodeInvalidOutput)
		for _, word := range row.words {
			if !strings.Contains(got.Body, word) {
				t.Errorf("%s: answered %s, which does not say %s", name, got.Body, word)
			}
		}
	}
	if n := rowsIn(t, s.db, "saga_outbox"); n != 0 {
		t.Errorf("%d of them are kept", n)
	}
}

func TestAnEventsTopicThatIsNoneIsRefused(t *testing.T) {
	db := openSQLite(t, t.TempDir()+"/books.db")
	_, err := participant.New(participant.Config{Name: "shop", DB: db, Dialect: participant.SQLite, EventsTopic: "no topic"})
	if err == nil || !strings.Contains(err.Error(), "EventsTopic") || !strings.Contains(err.Error(), "249") {
		t.Errorf("got %v, want an error that names field and bound", err)
	}
}
