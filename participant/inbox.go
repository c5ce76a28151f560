package participant

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// inbox keeps one row per forward key in the service's database. It decides nothing.
type inbox struct{ sql statements }

// ready returns an error while a table is missing that Schema makes.
func (b inbox) ready(ctx context.Context, db *sql.DB) error {
	var none int
	if err := db.QueryRowContext(ctx, b.sql.ready).Scan(&none); err != nil {
		return fmt.Errorf("looking for the tables that participant.Schema makes: %w", err)
	}
	return nil
}

// claim makes the row of a key that was never seen, or waits for and loads the one that is there. Until the
// transaction ends nobody else gets past claim with the same key.
func (b inbox) claim(ctx context.Context, tx *sql.Tx, c Command, now time.Time) (row, error) {
	made, err := tx.ExecContext(ctx, b.sql.claim, c.ForwardKey(), c.SagaID, false, now.UnixNano())
	if err != nil {
		return row{}, fmt.Errorf("claiming the key's row: %w", err)
	}
	n, err := made.RowsAffected()
	if err != nil {
		return row{}, fmt.Errorf("claiming the key's row: %w", err)
	}
	if n == 1 {
		return row{}, nil
	}
	return b.load(ctx, tx, c.ForwardKey())
}

func (b inbox) load(ctx context.Context, tx *sql.Tx, key string) (row, error) {
	var r row
	var at int64
	var backward string
	err := tx.QueryRowContext(ctx, b.sql.load, key).
		Scan(&r.saga, &r.undone, &r.forward.Outcome, &r.forward.Body, &at, &backward, &r.forward.DataSchema)
	if err != nil {
		return row{}, fmt.Errorf("loading the key's row: %w", err)
	}
	if r.forward.Outcome != "" {
		r.forward.Time = time.Unix(0, at).UTC()
	}
	if err := json.Unmarshal([]byte(backward), &r.backward); err != nil {
		return row{}, fmt.Errorf("reading the key's answers to undoing: %w", err)
	}
	return r, nil
}

func (b inbox) save(ctx context.Context, tx *sql.Tx, key string, r row, now time.Time) error {
	backward := "{}"
	if len(r.backward) > 0 {
		raw, err := json.Marshal(r.backward)
		if err != nil {
			return fmt.Errorf("writing the key's answers to undoing: %w", err)
		}
		backward = string(raw)
	}
	var at int64
	if r.forward.Outcome != "" {
		at = r.forward.Time.UnixNano()
	}
	_, err := tx.ExecContext(ctx, b.sql.save,
		r.saga, r.undone, string(r.forward.Outcome), r.forward.Body, at, backward, now.UnixNano(), key)
	if err != nil {
		return fmt.Errorf("storing the key's row: %w", err)
	}
	if r.forward.DataSchema == "" {
		return nil
	}
	if _, err := tx.ExecContext(ctx, b.sql.version, key, r.forward.DataSchema); err != nil {
		return fmt.Errorf("storing the version of the key's answer: %w", err)
	}
	return nil
}

// pruneBatch is how many rows one statement deletes, so that it never holds its locks for long.
const pruneBatch = 1000

// prune deletes the rows that nothing has touched since before and returns how many there were.
func (b inbox) prune(ctx context.Context, db *sql.DB, before time.Time) (int64, error) {
	var total int64
	for {
		done, err := db.ExecContext(ctx, b.sql.prune, before.UnixNano(), before.UnixNano(), pruneBatch)
		if err != nil {
			return total, fmt.Errorf("pruning the inbox: %w", err)
		}
		n, err := done.RowsAffected()
		if err != nil {
			return total, fmt.Errorf("pruning the inbox: %w", err)
		}
		total += n
		if n < pruneBatch {
			break
		}
	}
	if _, err := db.ExecContext(ctx, b.sql.pruneVersions); err != nil {
		return total, fmt.Errorf("pruning the versions of answers: %w", err)
	}
	return total, nil
}
