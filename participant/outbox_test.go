package participant_test

import (
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/sagas-dev/saga-operator/participant"
	"github.com/sagas-dev/saga-operator/participant/participanttest"
)

// refuseEvents cuts the connection of each request that writes events for which refuse says so.
func refuseEvents(op *participanttest.Operator, refuse func() bool) {
	op.Broker.ControlKey(int16(kmsg.Produce), func(request kmsg.Request) (kmsg.Response, error, bool) {
		op.Broker.KeepControl()
		for _, topic := range request.(*kmsg.ProduceRequest).Topics {
			if topic.Topic == events && refuse() {
				return nil, errors.New("the connection broke"), true
			}
		}
		return nil, nil, false
	})
}

// TestTheEventsOfOneKeyKeepTheirOrder lets two relays send at once, through connections of which every third breaks. Events may come
// more than once; but when one comes first, all before it about the same have come.
func TestTheEventsOfOneKeyKeepTheirOrder(t *testing.T) {
	const keys, each = 5, 12
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		op, s := participanttest.Start(t, events), newShop(t, db, d)
		var asked atomic.Int64
		refuseEvents(op, func() bool { return asked.Add(1)%3 == 1 })
		for range 2 {
			runs(t, &participant.Runner{Brokers: op.Brokers(), Outbox: s.Participant})
		}
		for n := range each {
			var together []participant.Event
			for key := range keys {
				together = append(together, participant.Event{Name: "taken", CorrelationID: fmt.Sprint("o-", key), Data: map[string]int{"n": n}})
			}
			s.publish(t, together...)
		}
		s.awaitEmptyOutbox(t)
		seen, next := map[string]bool{}, map[string]int{}
		for _, e := range op.Events(t, events, int(op.Written(t, events))) {
			if seen[e.ID] {
				continue
			}
			seen[e.ID] = true
			if want := fmt.Sprintf(`{"n":%d}`, next[e.CorrelationID]); e.Data != want {
				t.Fatalf("about %s came %s, want %s first", e.CorrelationID, e.Data, want)
			}
			next[e.CorrelationID]++
		}
		if len(seen) != keys*each {
			t.Errorf("%d events came, want %d", len(seen), keys*each)
		}
	})
}

// TestACrashBetweenSendingAndRemovingTellsTheSameAgain kills the real process once the broker has the event, while the database does
// not let it be removed.
func TestACrashBetweenSendingAndRemovingTellsTheSameAgain(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "books.db")
		db := prepared(t, openSQLite(t, file), participant.SQLite)
		crashBeforeRemoval(t, db, file, obstacle{locks: "UPDATE saga_outbox SET stored_at = stored_at"})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		db, dsn := openPostgresAt(t)
		crashBeforeRemoval(t, prepared(t, db, participant.PostgreSQL), "", obstacle{
			locks: "LOCK TABLE saga_outbox IN SHARE MODE",
			ends: `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE query LIKE 'DELETE FROM saga_outbox%' AND datname = current_database() AND pid <> pg_backend_pid()`,
		}, postgresEnv+"="+dsn)
	})
}

// obstacle keeps events from being removed, and from being removed on behalf of a process that is dead.
type obstacle struct{ locks, ends string }

func crashBeforeRemoval(t *testing.T, db *sql.DB, file string, o obstacle, env ...string) {
	op := participanttest.Start(t, commands, deadLetters, events)
	var open atomic.Bool
	refused := make(chan struct{}, 1)
	refuseEvents(op, func() bool {
		select {
		case refused <- struct{}{}:
		default:
		}
		return !open.Load()
	})
	env = append(env, publishEnv+"=yes")
	first := startShop(t, op, file, nowhere, true, env...)
	if got := op.Ask(t, commands, take); got.Outcome != "succeeded" {
		t.Fatalf("answered %+v", got)
	}
	<-refused
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(o.locks); err != nil {
		t.Fatal(err)
	}
	open.Store(true)
	told := op.Events(t, events, 1)[0]
	killShop(t, first)
	if _, err := tx.Exec(o.ends); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if n := rowsIn(t, db, "saga_outbox"); n != 1 {
		t.Fatalf("%d events are kept, want the one that was told", n)
	}
	startShop(t, op, file, nowhere, true, env...)
	again := op.Events(t, events, 2)[1]
	for _, m := range []*participant.Message{&told.Message, &again.Message} {
		m.Offset = 0
	}
	if !reflect.DeepEqual(told.Message, again.Message) {
		t.Errorf("told %+v, then %+v", told.Message, again.Message)
	}
	(&shop{db: db}).awaitEmptyOutbox(t)
}

// TestOfAGroupOneSendsAndAnotherTakesOver stops the one that sends.
func TestOfAGroupOneSendsAndAnotherTakesOver(t *testing.T) {
	op := participanttest.Start(t, commands, events)
	s := newShop(t, prepared(t, openPostgres(t), participant.PostgreSQL), participant.PostgreSQL)
	replicas, stops := make([]*participant.Runner, 2), make([]func(), 2)
	for i := range replicas {
		replicas[i] = &participant.Runner{Brokers: op.Brokers(), Topics: []string{commands}, Group: "shop", Processor: s,
			Outbox: s.Participant}
		stops[i] = runs(t, replicas[i])
	}
	awaitShared(t, op, replicas)
	const each = 20
	for n := range each {
		s.publish(t, participant.Event{Name: "taken", CorrelationID: fmt.Sprint("o-", n)})
	}
	s.awaitEmptyOutbox(t)
	sender := 0
	if replicas[1].Counts().Published > 0 {
		sender = 1
	}
	if a, b := replicas[sender].Counts().Published, replicas[1-sender].Counts().Published; a != each || b != 0 {
		t.Errorf("one sent %d events and the other %d, want %d and none", a, b, each)
	}
	stops[sender]()
	s.publish(t, participant.Event{Name: "taken", CorrelationID: "o-last"})
	s.awaitEmptyOutbox(t)
	if n := replicas[1-sender].Counts().Published; n != 1 {
		t.Errorf("the other sent %d events, want the one that was left", n)
	}
}

// awaitShared asks until each replica has answered, so that each serves a partition.
func awaitShared(t *testing.T, op *participanttest.Operator, replicas []*participant.Runner) {
	t.Helper()
	deadline := time.Now().Add(participanttest.Patience)
	for n := 0; replicas[0].Counts().Answered == 0 || replicas[1].Counts().Answered == 0; n++ {
		if time.Now().After(deadline) {
			t.Fatal("one replica serves all")
		}
		op.Ask(t, commands, ask{Saga: fmt.Sprint("s-", n), Type: "shop.take"})
	}
}
