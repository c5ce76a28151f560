package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sagas-dev/saga-operator/participant"
)

// deedBooks is what a member of the cast knows: what it did for whom, and whether that was undone. What was undone before it was done
// is a row as well, so that it is not done any more.
const deedBooks = `
CREATE TABLE IF NOT EXISTS deeds (
  forward_key TEXT PRIMARY KEY,
  deed        TEXT NOT NULL,
  subject     TEXT NOT NULL,
  undone      INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deeds_subject ON deeds (subject);`

// deeds are the commands of a member, by name.
type deeds map[string]deed

// deed is what a command does: a row, and an id of it in the answer; or that such rows are undone.
type deed struct {
	gives   string
	undoes  bool
	refuses func(input map[string]any) *refusal // optional
}

// refusal is why a member does not do what it is asked for.
type refusal struct{ code, message string }

func (d deed) handler(command, subject string) participant.Handler {
	return func(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
		var input map[string]any
		if err := c.Decode(&input); err != nil {
			return nil, err
		}
		whose, ok := input[subject].(string)
		if !ok || whose == "" {
			return nil, participant.Fail(participant.CodeInvalidInput, subject+" is required, a text")
		}
		if d.undoes {
			return nil, undoDeed(ctx, tx, c.ForwardKey(), whose)
		}
		if d.refuses != nil {
			if r := d.refuses(input); r != nil {
				return nil, participant.Fail(r.code, r.message)
			}
		}
		if err := writeDeed(ctx, tx, c.ForwardKey(), command, whose); err != nil {
			return nil, err
		}
		return map[string]string{d.gives: idFor(command, c.ForwardKey())}, nil
	}
}

func writeDeed(ctx context.Context, tx *sql.Tx, key, name, subject string) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO deeds (forward_key, deed, subject) VALUES (?, ?, ?)`, key, name, subject); err != nil {
		return fmt.Errorf("writing a deed: %w", err)
	}
	return nil
}

// undoDeed undoes what was done by command, under its key, and what the member has done for the subject on its own account, or may
// still want to.
func undoDeed(ctx context.Context, tx *sql.Tx, key, subject string) error {
	_, err := tx.ExecContext(ctx, `UPDATE deeds SET undone = 1 WHERE forward_key = ? OR forward_key = ?`, key, ownKey(subject))
	if err != nil {
		return fmt.Errorf("undoing a deed: %w", err)
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO deeds (forward_key, deed, subject, undone) VALUES (?, 'nothing', ?, 1) ON CONFLICT DO NOTHING`,
		ownKey(subject), subject)
	if err != nil {
		return fmt.Errorf("noting that nothing is to be done any more: %w", err)
	}
	return nil
}

// ownKey is the key of what a member does on its own account, because of an event.
func ownKey(subject string) string { return "event/" + subject }

// isIn refuses an input whose field has a certain value.
func isIn(field, value, code string) func(map[string]any) *refusal {
	return func(input map[string]any) *refusal {
		if input[field] == value {
			return &refusal{code, fmt.Sprintf("nothing is to be had, %s %s", field, value)}
		}
		return nil
	}
}

// above refuses an input whose field is greater than most.
func above(field string, most float64, code string) func(map[string]any) *refusal {
	return func(input map[string]any) *refusal {
		if n, ok := input[field].(float64); ok && n > most {
			return &refusal{code, fmt.Sprintf("%s %v is above %v", field, n, most)}
		}
		return nil
	}
}
