package participant

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime/debug"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// answer tries until the database lets it through. What will not pass by itself is answered retry: nothing was
// done, and the saga's own retry policy says how often it is worth asking.
func (p *Participant) answer(ctx context.Context, c Command, m Message) (answer, error) {
	wait := backoff{least: 5 * time.Millisecond, most: 2 * time.Second}
	for {
		a, err := p.transaction(ctx, c, m)
		switch {
		case err == nil:
			return a, nil
		case gone(ctx, err):
			return answer{}, fmt.Errorf("stopping: %w", ctx.Err())
		case !transient(err):
			p.config.Logger.Error("Command failed in the database", "command", c.ID, "error", err)
			return p.retryLater(err), nil
		}
		p.config.Logger.Debug("Database is busy, trying again", "command", c.ID, "error", err)
		if err := wait.pause(ctx); err != nil {
			return answer{}, err
		}
	}
}

// transaction judges the command and does what follows in one transaction. An error means that it was rolled back,
// or that nobody knows: the next try finds out from the row.
func (p *Participant) transaction(ctx context.Context, c Command, m Message) (answer, error) {
	if err := p.findTables(ctx); err != nil {
		return answer{}, err
	}
	tx, err := p.config.DB.BeginTx(ctx, p.config.TxOptions)
	if err != nil {
		return answer{}, fmt.Errorf("beginning: %w", err)
	}
	defer p.rollback(tx, c)
	if p.config.Received != nil {
		if err := p.config.Received(ctx, tx, c, m); err != nil {
			return answer{}, fmt.Errorf("recording receipt: %w", err)
		}
	}
	var a answer
	err = p.attempt(ctx, tx, "saga_command", func() (err error) {
		a, err = p.judgeAndDo(ctx, tx, c)
		return err
	})
	if err != nil && !errors.Is(err, errRolledBack) {
		return answer{}, err
	}
	if err := tx.Commit(); err != nil {
		return answer{}, fmt.Errorf("committing: %w", err)
	}
	return a, nil
}

// findTables keeps a service whose tables are those of an earlier version from taking commands that it could not answer twice.
func (p *Participant) findTables(ctx context.Context) error {
	if p.ready.Load() {
		return nil
	}
	err := p.inbox.ready(ctx, p.config.DB)
	p.ready.Store(err == nil)
	return err
}

// judgeAndDo returns a retry answer together with errRolledBack, which undoes what it did, row included.
func (p *Participant) judgeAndDo(ctx context.Context, tx *sql.Tx, c Command) (answer, error) {
	now := p.config.Now().UTC()
	known, err := p.inbox.claim(ctx, tx, c, now)
	if err != nil {
		return answer{}, err
	}
	j := judge(known, c, now)
	if j.execute {
		if j.answer, err = p.execute(ctx, tx, c); err != nil {
			return j.answer, err
		}
		j.row = j.row.with(c, j.answer)
	}
	return j.answer, p.inbox.save(ctx, tx, c.ForwardKey(), j.row, now)
}

// errRolledBack makes a savepoint go without being an error for anybody else.
var errRolledBack = errors.New("rolled back")

// execute runs the handler under a savepoint and turns what it returns into an answer; a retry comes together with
// errRolledBack. Any other error is the database's, and then there is no answer.
func (p *Participant) execute(ctx context.Context, tx *sql.Tx, c Command) (answer, error) {
	var said answer
	err := p.attempt(ctx, tx, "saga_handler", func() (err error) {
		said, err = p.call(ctx, tx, c)
		return err
	})
	business, savepoint := (*failure)(nil), (*savepointError)(nil)
	switch {
	case err == nil:
		said.Time = p.config.Now().UTC()
		return said, nil
	case gone(ctx, err) || passing(err) || errors.As(err, &savepoint):
		return answer{}, err
	case errors.As(err, &business):
		return failedBecause(business.code, business.message, p.config.Now().UTC()), nil
	}
	p.config.Logger.Warn("Handler failed, asking for a retry", "command", c.ID, "type", c.Type, "error", err)
	return p.retryLater(err), errRolledBack
}

// call runs the handler and makes an answer of its output, without a time. A panic is an error like any other: one poisonous command must not
// take the service down again and again.
func (p *Participant) call(ctx context.Context, tx *sql.Tx, c Command) (said answer, err error) {
	handler, ok := p.handlers[c.Type]
	if !ok {
		return answer{}, Fail(CodeUnknownCommand, fmt.Sprintf("participant %s has no command %s", p.config.Name, c.Type))
	}
	defer func() {
		if r := recover(); r != nil {
			p.config.Logger.Error("Handler panicked", "command", c.ID, "panic", r, "stack", string(debug.Stack()))
			err = fmt.Errorf("handler of %s panicked: %v", c.Type, r)
		}
	}()
	output, err := handler(ctx, tx, c)
	if err != nil {
		return answer{}, err
	}
	return answerOf(output)
}

// savepointError says that the database lost a savepoint: whatever do returned then counts for nothing.
type savepointError struct{ err error }

func (s *savepointError) Error() string { return "using a savepoint: " + s.err.Error() }
func (s *savepointError) Unwrap() error { return s.err }

// attempt runs do under a savepoint that is rolled back if do fails. It returns do's error, or a savepointError.
func (p *Participant) attempt(ctx context.Context, tx *sql.Tx, name string, do func() error) error {
	if _, err := tx.ExecContext(ctx, "SAVEPOINT "+name); err != nil {
		return &savepointError{err}
	}
	err, end := do(), "RELEASE SAVEPOINT "
	if passing(err) {
		return err // the whole transaction goes, and may be gone already
	}
	if err != nil {
		end = "ROLLBACK TO SAVEPOINT "
	}
	if _, ended := tx.ExecContext(ctx, end+name); ended != nil {
		if err != nil { // it may be why, since some errors end the whole transaction; but only its words: it is no answer any more
			ended = fmt.Errorf("%w, after: %s", ended, err.Error())
		}
		return &savepointError{ended}
	}
	return err
}

func (p *Participant) retryLater(err error) answer {
	f := wire.Failure{Code: CodeTransient, Message: err.Error()}
	asked := (*transientFailure)(nil)
	if errors.As(err, &asked) {
		f.RetryAfter = int64(math.Ceil(asked.after.Seconds()))
		if asked.err != nil { // a handler may ask to wait without giving a reason
			f.Message = asked.err.Error()
		}
	}
	return answer{Outcome: retry, Body: bodyOf(f), Time: p.config.Now().UTC()}
}

func (p *Participant) rollback(tx *sql.Tx, c Command) {
	if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
		p.config.Logger.Debug("Rolling back failed", slog.String("command", c.ID), slog.Any("error", err))
	}
}
