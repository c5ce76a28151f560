package participant

import (
	"fmt"
	"strings"
)

// Dialect is the kind of SQL that the service's database speaks.
type Dialect string

// Databases that the inbox can live in.
const (
	SQLite     Dialect = "sqlite"     // 3.24 or later
	PostgreSQL Dialect = "postgresql" // 9.5 or later
)

const schema = `CREATE TABLE IF NOT EXISTS saga_inbox (
  forward_key TEXT PRIMARY KEY,        -- idempotency key of the action
  saga_id     TEXT NOT NULL,           -- UID of the saga that owns the key
  undone      BOOLEAN NOT NULL,        -- undoing began or came first
  outcome     TEXT NOT NULL,           -- of the action; empty: not answered
  body        %[1]s,                   -- data of that answer
  answered_at BIGINT NOT NULL,         -- when it was given first, Unix time in nanoseconds
  backward    TEXT NOT NULL,           -- JSON: answers to undoing by backward key
  updated_at  BIGINT NOT NULL          -- Unix time in nanoseconds; pruning goes by it
);
CREATE INDEX IF NOT EXISTS saga_inbox_updated_at ON saga_inbox (updated_at);
CREATE TABLE IF NOT EXISTS saga_inbox_versions (
  forward_key TEXT PRIMARY KEY,        -- as in saga_inbox; no row: the action's answer says no version
  data_schema TEXT NOT NULL            -- version of the data of that answer
);
CREATE TABLE IF NOT EXISTS saga_outbox (
  position    %[2]s, -- never given twice
  participant TEXT NOT NULL,           -- whose event it is
  event_key   TEXT NOT NULL,           -- correlation id, the record's key
  headers     TEXT NOT NULL,           -- JSON: names and values of the record's headers
  data        %[1]s NOT NULL,          -- the record's value
  stored_at   BIGINT NOT NULL          -- Unix time in nanoseconds
);
CREATE INDEX IF NOT EXISTS saga_outbox_position ON saga_outbox (participant, position);
`

// oneAtATime lets replicas that start at once wait for each other, until the transaction of all the statements ends: PostgreSQL's IF
// NOT EXISTS does not, and fails where two make the same table.
const oneAtATime = "SELECT pg_advisory_xact_lock(7163905526);\n"

// Schema returns the statements that make the tables and indexes where they do not exist. A service runs them with its own
// migrations, or each time at its start. They are to be run again with each new version of the package: what it needs besides is
// made as tables of its own, never as a change of one that exists. So the versions before and after can use the database side by
// side, and SQLite, which cannot add a column only where it is missing, needs no other way.
func Schema(d Dialect) string {
	if d == PostgreSQL {
		return oneAtATime + fmt.Sprintf(schema, "BYTEA", "BIGSERIAL PRIMARY KEY")
	}
	return fmt.Sprintf(schema, "BLOB ", "INTEGER PRIMARY KEY AUTOINCREMENT")
}

// statements are the inbox's queries in one dialect.
type statements struct{ ready, claim, load, save, version, prune, pruneVersions string }

func statementsFor(d Dialect) (statements, error) {
	lock := ""
	switch d {
	case SQLite: // claim has taken the database's only write lock
	case PostgreSQL:
		lock = " FOR UPDATE"
	default:
		return statements{}, fmt.Errorf("dialect %q is not one of sqlite and postgresql", d)
	}
	s := statements{
		ready: `SELECT COUNT(*) FROM saga_inbox, saga_inbox_versions, saga_outbox WHERE 1 = 0`,
		claim: `INSERT INTO saga_inbox (forward_key, saga_id, undone, outcome, answered_at, backward, updated_at)
VALUES (?, ?, ?, '', 0, '{}', ?) ON CONFLICT (forward_key) DO NOTHING`,
		// The version was stored in the transaction that made the row: whoever sees the row sees it.
		load: `SELECT saga_id, undone, outcome, body, answered_at, backward,
COALESCE((SELECT v.data_schema FROM saga_inbox_versions v WHERE v.forward_key = saga_inbox.forward_key), '')
FROM saga_inbox WHERE forward_key = ?` + lock,
		save: `UPDATE saga_inbox SET saga_id = ?, undone = ?, outcome = ?, body = ?, answered_at = ?, backward = ?, updated_at = ?
WHERE forward_key = ?`,
		version: `INSERT INTO saga_inbox_versions (forward_key, data_schema) VALUES (?, ?)
ON CONFLICT (forward_key) DO UPDATE SET data_schema = excluded.data_schema WHERE saga_inbox_versions.data_schema <> excluded.data_schema`,
		// The age is judged once more where the row is deleted: a command that held its lock may have touched it.
		prune: `DELETE FROM saga_inbox WHERE updated_at < ? AND forward_key IN
(SELECT forward_key FROM saga_inbox WHERE updated_at < ? ORDER BY updated_at LIMIT ?)`,
		pruneVersions: `DELETE FROM saga_inbox_versions
WHERE NOT EXISTS (SELECT 1 FROM saga_inbox i WHERE i.forward_key = saga_inbox_versions.forward_key)`,
	}
	for _, q := range []*string{&s.claim, &s.load, &s.save, &s.version, &s.prune} {
		*q = d.query(*q)
	}
	return s, nil
}

// outboxStatements are the outbox's queries in one dialect.
type outboxStatements struct {
	store, first string
	remove       string // in SQLite's dialect, without the list of positions
}

func outboxStatementsFor(d Dialect) outboxStatements {
	return outboxStatements{
		store:  d.query(`INSERT INTO saga_outbox (participant, event_key, headers, data, stored_at) VALUES (?, ?, ?, ?, ?)`),
		first:  d.query(`SELECT position, event_key, headers, data FROM saga_outbox WHERE participant = ? ORDER BY position LIMIT ?`),
		remove: `DELETE FROM saga_outbox WHERE position IN `,
	}
}

// query writes ? as $1, $2 and so on where the dialect wants that. None of the queries has a question mark of its own.
func (d Dialect) query(query string) string {
	if d != PostgreSQL {
		return query
	}
	parts := strings.Split(query, "?")
	var b strings.Builder
	for i, part := range parts {
		if i > 0 {
			fmt.Fprintf(&b, "$%d", i)
		}
		b.WriteString(part)
	}
	return b.String()
}
