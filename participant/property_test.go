package participant_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sagas-dev/saga-operator/participant"
	"github.com/sagas-dev/saga-operator/participant/participanttest"
)

// told is a command of the property test, together with what happens while it is executed.
type told struct {
	ask   ask
	fails error // returned by the handler, after its effect
	crash bool  // the process ends before the commit
}

var (
	errDeclined = participant.Fail("NO", "not today")
	errBusy     = participant.RetryAfter(time.Second, errors.New("busy"))
)

// anyCommand draws a command of one of two sagas over one key: any direction, round and attempt, adopting or not.
func anyCommand(t *rapid.T) told {
	c := told{ask: ask{Saga: "a", Type: "shop.take",
		UID:     rapid.SampledFrom([]string{"uid-a", "uid-b"}).Draw(t, "saga"),
		Adopts:  rapid.IntRange(0, 3).Draw(t, "adopts") == 0,
		Attempt: rapid.Int32Range(1, 3).Draw(t, "attempt"),
	}}
	if rapid.Bool().Draw(t, "backward") {
		c.ask.Backward, c.ask.Type, c.ask.Round = true, "shop.give", rapid.Int32Range(1, 2).Draw(t, "round")
	}
	if rapid.IntRange(0, 5).Draw(t, "late") == 0 {
		c.ask.Expiry = time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC) // an hour before the shop's clock
	}
	switch rapid.IntRange(0, 7).Draw(t, "trouble") {
	case 0:
		c.fails = errDeclined
	case 1:
		c.fails = errBusy
	case 2:
		c.crash = true
	}
	return c
}

// TestAnyOrderOfCommandsOfTwoSagasKeepsTheBooks draws sequences of commands over one key, with duplicates, crashes
// and failures, and checks after each that the books agree with what was answered.
func TestAnyOrderOfCommandsOfTwoSagasKeepsTheBooks(t *testing.T) {
	db := prepared(t, openSQLite(t, t.TempDir()+"/books.db"), participant.SQLite)
	s := newShop(t, db, participant.SQLite)
	rapid.Check(t, func(rt *rapid.T) {
		if _, err := db.Exec(`DELETE FROM entries; DELETE FROM saga_inbox`); err != nil {
			rt.Fatalf("emptying the database: %v", err)
		}
		m := &observer{stored: map[string]string{}}
		for _, c := range rapid.SliceOfN(rapid.Custom(anyCommand), 1, 25).Draw(rt, "commands") {
			got, answered := s.meet(t, rt, c)
			effects, left := s.entries(t)
			m.check(rt, c, got, answered, effects, left)
		}
	})
}

// meet processes c and lets happen to it what was drawn.
func (s *shop) meet(t *testing.T, rt *rapid.T, c told) (answer, bool) {
	ctx, crash := context.WithCancel(context.Background())
	defer crash()
	s.after = func(context.Context, *sql.Tx, participant.Command) error {
		if c.crash {
			crash()
		}
		return c.fails
	}
	reply, err := s.Process(ctx, c.ask.Message(t, commands))
	if ctx.Err() != nil && err != nil {
		return answer{}, false
	}
	if err != nil {
		rt.Fatalf("processing %+v: %v", c.ask, err)
	}
	return participanttest.Read(t, reply), true
}

// observer knows only what the contract promises.
type observer struct {
	undoing bool              // some backward command was accepted
	stored  map[string]string // body by direction and round, once succeeded was answered
}

func (o *observer) check(rt *rapid.T, c told, got answer, answered bool, effects, left int) {
	if effects > 1 || left < 0 || left > effects {
		rt.Fatalf("the books have %d effects with %d left", effects, left)
	}
	if !answered {
		return
	}
	accepted := got.Code != participant.CodeKeyUsed
	question := c.ask.ID()[len(c.ask.UID) : len(c.ask.ID())-2] // without saga and attempt
	switch {
	case got.Outcome == "succeeded" && c.ask.Backward:
		o.undoing = true
		if left != 0 {
			rt.Fatalf("undoing succeeded, and %d are left", left)
		}
	case got.Outcome == "succeeded" && o.undoing:
		rt.Fatalf("an action succeeded after it was undone")
	case got.Outcome == "succeeded" && left != 1:
		rt.Fatalf("an action succeeded, and %d are left", left)
	case got.Outcome == "failed" && !c.ask.Backward && accepted && left != 0:
		rt.Fatalf("an action failed with %s, and %d are left", got.Code, left)
	}
	if before, ok := o.stored[question]; ok && accepted && got.Code != participant.CodeUndone && got.Body != before {
		rt.Fatalf("answered %s, want %s as before", got.Body, before)
	}
	if got.Outcome == "succeeded" {
		o.stored[question] = got.Body
	}
}
