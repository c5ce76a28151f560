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

type (
	ask    = participanttest.Ask
	answer = participanttest.Answer
)

// shop is a service with one book: what it takes under a key, it can give back.
type shop struct {
	*participant.Participant
	db    *sql.DB
	place func(string) string // placeholders of the dialect
	now   time.Time
	before,
	after func(ctx context.Context, tx *sql.Tx, c participant.Command) error // around the effect of take
}

func newShop(t *testing.T, db *sql.DB, d participant.Dialect) *shop {
	t.Helper()
	s := &shop{db: db, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
	s.place = func(q string) string { return q }
	if d == participant.PostgreSQL {
		s.place = func(q string) string { return strings.Replace(strings.Replace(q, "?", "$1", 1), "?", "$2", 1) }
	}
	p, err := participant.New(participant.Config{Name: "shop", DB: db, Dialect: d,
		Now: func() time.Time { return s.now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("making the participant: %v", err)
	}
	p.Handle("take", s.take)
	p.Handle("give", s.give)
	s.Participant = p
	return s
}

func (s *shop) take(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
	if s.before != nil {
		if err := s.before(ctx, tx, c); err != nil {
			return nil, err
		}
	}
	if _, err := tx.ExecContext(ctx, s.place(`INSERT INTO entries (forward_key, amount) VALUES (?, 1)`), c.ForwardKey()); err != nil {
		return nil, err
	}
	if s.after != nil {
		if err := s.after(ctx, tx, c); err != nil {
			return nil, err
		}
	}
	return map[string]string{"takenBy": c.SagaID}, nil
}

func (s *shop) give(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
	_, err := tx.ExecContext(ctx, s.place(`INSERT INTO entries (forward_key, amount) VALUES (?, -1)`), c.ForwardKey())
	return nil, err
}

// tell processes one command and returns the answer.
func (s *shop) tell(t *testing.T, a ask) answer {
	t.Helper()
	reply, err := s.Process(context.Background(), a.Message(t, "shop.commands"))
	if err != nil {
		t.Fatalf("processing %s: %v", a.ID(), err)
	}
	return participanttest.Read(t, reply)
}

func (s *shop) expect(t *testing.T, a ask, outcome, code string) answer {
	t.Helper()
	got := s.tell(t, a)
	if got.Outcome != outcome || got.Code != code {
		t.Errorf("%s was answered %s %q, want %s %q", a.ID(), got.Outcome, got.Code, outcome, code)
	}
	return got
}

// entries returns how many effects there were, and what is left of them.
func (s *shop) entries(t *testing.T) (effects, left int) {
	t.Helper()
	err := s.db.QueryRow(`SELECT COALESCE(SUM(CASE WHEN amount > 0 THEN 1 ELSE 0 END), 0), COALESCE(SUM(amount), 0) FROM entries`).Scan(&effects, &left)
	if err != nil {
		t.Fatalf("reading the books: %v", err)
	}
	return effects, left
}

func (s *shop) expectBooks(t *testing.T, effects, left int) {
	t.Helper()
	if gotEffects, gotLeft := s.entries(t); gotEffects != effects || gotLeft != left {
		t.Errorf("the books have %d effects with %d left, want %d with %d", gotEffects, gotLeft, effects, left)
	}
}

var (
	take = ask{Saga: "a", Type: "shop.take"}
	give = ask{Saga: "a", Type: "shop.give", Backward: true}
)

func TestARepeatedCommandHasOneEffectAndOneAnswer(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		first := s.expect(t, take, "succeeded", "")
		s.now = s.now.Add(time.Hour)
		next := take
		next.Attempt = 2
		again := s.expect(t, next, "succeeded", "")
		if again.Body != first.Body || !again.Time.Equal(first.Time) {
			t.Errorf("answered %s at %s, want %s at %s as before", again.Body, again.Time, first.Body, first.Time)
		}
		if again.CommandID != next.ID() || again.Topic != participanttest.Replies || again.Partition != 1 {
			t.Errorf("the answer is to %s on %s/%d", again.CommandID, again.Topic, again.Partition)
		}
		s.expectBooks(t, 1, 1)
	})
}

func TestUndoingFirstRefusesTheLateAction(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		s.expect(t, give, "succeeded", "")
		s.expect(t, take, "failed", participant.CodeUndone)
		s.expectBooks(t, 0, 0)
	})
}

func TestWhatWasUndoneIsUndoneOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		s.expect(t, take, "succeeded", "")
		s.expect(t, give, "succeeded", "")
		s.expect(t, give, "succeeded", "")
		again := give
		again.Round = 2
		s.expect(t, again, "succeeded", "")
		s.expect(t, take, "failed", participant.CodeUndone)
		s.expectBooks(t, 1, 0)
	})
}

func TestWhatTheServiceDidByItselfIsUndoneOnce(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		undo := give
		undo.Observed = true
		first := s.expect(t, undo, "succeeded", "")
		s.now = s.now.Add(time.Hour)
		if again := s.expect(t, undo, "succeeded", ""); !again.Time.Equal(first.Time) {
			t.Errorf("the stored answer is of %s, not of %s", again.Time, first.Time)
		}
		s.expectBooks(t, 0, -1) // given back once, with no command that took it
		s.expect(t, take, "failed", participant.CodeUndone)
	})
}

func TestAnotherSagaIsRefusedUnlessItAdopts(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		first := s.expect(t, take, "succeeded", "")
		other := take
		other.UID = "uid-other"
		s.expect(t, other, "failed", participant.CodeKeyUsed)
		otherGives := give
		otherGives.UID = "uid-other"
		s.expect(t, otherGives, "failed", participant.CodeKeyUsed)
		other.Adopts = true
		if got := s.expect(t, other, "succeeded", ""); got.Body != first.Body {
			t.Errorf("the adopting saga was answered %s, want what is stored, %s", got.Body, first.Body)
		}
		s.expect(t, take, "failed", participant.CodeKeyUsed) // the lost run has handed its key over
		s.expect(t, otherGives, "succeeded", "")
		s.expectBooks(t, 1, 0)
	})
}

func TestAnExpiredActionIsNeverDone(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		late := take
		late.Expiry = s.now.Add(-time.Second)
		s.expect(t, late, "failed", participant.CodeExpired)
		s.expect(t, take, "failed", participant.CodeExpired) // stored
		s.expect(t, give, "succeeded", "")
		s.expectBooks(t, 0, 0)
	})
}

func TestWhatAHandlerReturnsDecides(t *testing.T) {
	rows := map[string]struct {
		err, then       error
		outcome, code   string
		outcome2, code2 string
		effects         int
		body            string
	}{
		"a business failure rolls back and is stored": {
			err: participant.Fail("NO", "not today"), outcome: "failed", code: "NO", outcome2: "failed", code2: "NO"},
		"a wrapped business failure counts as one": {
			err: errors.Join(errors.New("taking"), participant.Fail("NO", "no")), outcome: "failed", code: "NO", outcome2: "failed", code2: "NO"},
		"a transient failure rolls back and is not stored": {
			err: participant.RetryAfter(1500*time.Millisecond, errors.New("busy")), outcome: "retry", code: "Transient",
			outcome2: "succeeded", effects: 1, body: `{"code":"Transient","message":"busy","retryAfter":2}`},
		"a transient failure without a reason is one too": {
			err: participant.RetryAfter(time.Second, nil), outcome: "retry", code: "Transient",
			outcome2: "succeeded", effects: 1, body: `{"code":"Transient","message":"retry after 1s","retryAfter":1}`},
		"any other error asks for a retry": {
			err: errors.New("broken"), outcome: "retry", code: "Transient", outcome2: "succeeded", effects: 1},
	}
	for name, tc := range rows {
		t.Run(name, func(t *testing.T) {
			onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
				s := newShop(t, db, d)
				s.after = func(context.Context, *sql.Tx, participant.Command) error { return tc.err }
				if got := s.expect(t, take, tc.outcome, tc.code); tc.body != "" && got.Body != tc.body {
					t.Errorf("answered %s, want %s", got.Body, tc.body)
				}
				s.expectBooks(t, 0, 0)
				s.after = nil
				s.expect(t, take, tc.outcome2, tc.code2)
				s.expectBooks(t, tc.effects, tc.effects)
			})
		})
	}
}

func TestAHandlersMistakesAreAnswered(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		output := func(v any) participant.Handler {
			return func(context.Context, *sql.Tx, participant.Command) (any, error) { return v, nil }
		}
		s.Handle("list", output([]int{1}))
		s.Handle("large", output(map[string]string{"x": strings.Repeat("x", 16<<10)}))
		s.Handle("panic", func(context.Context, *sql.Tx, participant.Command) (any, error) { panic("oh") })
		s.Handle("wrong", func(ctx context.Context, tx *sql.Tx, _ participant.Command) (any, error) {
			_, _ = tx.ExecContext(ctx, `SELECT nonsense`) // PostgreSQL: the transaction is aborted now, and the handler does not care
			_, err := tx.ExecContext(ctx, `SELECT more nonsense`)
			return nil, err
		})
		for command, want := range map[string]answer{
			"list": {Outcome: "failed", Code: participant.CodeInvalidOutput}, "large": {Outcome: "failed", Code: participant.CodeInvalidOutput},
			"panic": {Outcome: "retry", Code: participant.CodeTransient}, "wrong": {Outcome: "retry", Code: participant.CodeTransient},
			"unknown": {Outcome: "failed", Code: participant.CodeUnknownCommand},
		} {
			s.expect(t, ask{Saga: "a", Step: command, Type: "shop." + command}, want.Outcome, want.Code)
		}
	})
}

func TestWhatIsNoCommandIsMalformed(t *testing.T) {
	s := newShop(t, prepared(t, openSQLite(t, t.TempDir()+"/books.db"), participant.SQLite), participant.SQLite)
	if _, err := s.Process(context.Background(), participant.Message{Value: []byte("hello")}); !errors.Is(err, participant.ErrMalformed) {
		t.Errorf("got %v, want ErrMalformed", err)
	}
}

// TestACrowdWithOneKeyHasOneEffect lets connections fight: SQLite is busy all the time, PostgreSQL waits for the row.
func TestACrowdWithOneKeyHasOneEffect(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		for _, a := range []ask{take, give} {
			for _, reply := range s.crowd(t, a) {
				if got := participanttest.Read(t, reply); got.Outcome != "succeeded" {
					t.Errorf("%s was answered %+v", a.ID(), got)
				}
			}
		}
		s.expectBooks(t, 1, 0)
	})
}

// crowd processes the same command eight times at once.
func (s *shop) crowd(t *testing.T, a ask) []participant.Message {
	t.Helper()
	var all sync.WaitGroup
	replies := make([]participant.Message, 8)
	for i := range replies {
		m := a.Message(t, commands)
		all.Go(func() {
			var err error
			if replies[i], err = s.Process(context.Background(), m); err != nil {
				t.Errorf("processing %s: %v", a.ID(), err)
			}
		})
	}
	all.Wait()
	return replies
}

func TestTheInboxForgetsWhatNothingTouched(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		s.expect(t, take, "succeeded", "")
		s.now = s.now.Add(participant.DefaultRetention)
		if n, err := s.Prune(context.Background()); n != 0 || err != nil {
			t.Errorf("pruned %d rows too early, error %v", n, err)
		}
		s.now = s.now.Add(time.Second)
		if n, err := s.Prune(context.Background()); n != 1 || err != nil {
			t.Errorf("pruned %d rows, want 1, error %v", n, err)
		}
	})
}

// TestPruningSparesWhatACommandTouchesMeanwhile lets pruning meet a row whose lock an undoing command holds.
func TestPruningSparesWhatACommandTouchesMeanwhile(t *testing.T) {
	db := prepared(t, openPostgres(t), participant.PostgreSQL)
	s := newShop(t, db, participant.PostgreSQL)
	s.expect(t, take, "succeeded", "")
	s.now = s.now.Add(participant.DefaultRetention + time.Second)
	pruned := make(chan int64, 1)
	s.Handle("give", func(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
		go func() {
			n, err := s.Prune(context.Background())
			if err != nil {
				t.Errorf("pruning: %v", err)
			}
			pruned <- n
		}()
		if err := awaitLockWaiter(db); err != nil {
			return nil, err
		}
		return s.give(ctx, tx, c)
	})
	s.expect(t, give, "succeeded", "")
	if n := <-pruned; n != 0 {
		t.Errorf("pruned %d rows that had just been touched", n)
	}
	s.expect(t, take, "failed", participant.CodeUndone)
	s.expectBooks(t, 1, 0)
}

// awaitLockWaiter returns once a statement of this database waits for another's lock.
func awaitLockWaiter(db *sql.DB) error {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		var waiting bool
		err := db.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pid IN
(SELECT pid FROM pg_stat_activity WHERE query LIKE 'DELETE FROM saga_inbox%'))`).Scan(&waiting)
		if err != nil || waiting {
			return err
		}
	}
	return errors.New("nobody waits for the row")
}

func TestACrashBetweenEffectAndCommitLeavesNothing(t *testing.T) {
	onEveryDatabase(t, func(t *testing.T, db *sql.DB, d participant.Dialect) {
		s := newShop(t, db, d)
		ctx, crash := context.WithCancel(context.Background())
		s.after = func(context.Context, *sql.Tx, participant.Command) error { crash(); return nil }
		if _, err := s.Process(ctx, take.Message(t, "shop.commands")); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error and no answer", err)
		}
		s.expectBooks(t, 0, 0)
		s.after = nil
		s.expect(t, take, "succeeded", "")
		s.expectBooks(t, 1, 1)
	})
}
