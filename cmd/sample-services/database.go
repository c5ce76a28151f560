package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver "sqlite", without cgo

	"github.com/sagas-dev/saga-operator/participant"
)

// commonSchema is what every service keeps besides its books.
//
//   - effects: one row per handler that ran to its end and was committed; two for one key and direction is a bug that
//     the participant package exists to prevent, so nothing in the table forbids it.
//   - received: each command id with the digest of the bytes that it first came with.
//   - conflicts: ids that came with other bytes later.
const commonSchema = `
CREATE TABLE IF NOT EXISTS effects (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  forward_key TEXT NOT NULL,
  direction   TEXT NOT NULL,
  command_id  TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS effects_forward_key ON effects (forward_key);
CREATE TABLE IF NOT EXISTS received (
  command_id TEXT PRIMARY KEY,
  digest     TEXT NOT NULL,
  deliveries INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS conflicts (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  command_id TEXT NOT NULL,
  digest     TEXT NOT NULL
);`

// databaseFile is where the named service keeps its books.
func databaseFile(dir, service string) string { return filepath.Join(dir, service+".db") }

// openDatabase opens or makes a service's database and its tables. There is one connection, since SQLite has one
// writer: waiting in the pool is cheaper than waiting for the file's lock. sync is SQLite's synchronous: FULL
// survives a power cut, NORMAL a killed process.
func openDatabase(ctx context.Context, dir, service, sync, books string) (*sql.DB, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("making the data directory: %w", err)
	}
	db, err := open(databaseFile(dir, service), "_txlock=immediate", "_pragma=journal_mode(WAL)", "_pragma=synchronous("+sync+")",
		"_pragma=temp_store(MEMORY)") // what savepoints keep must not need a /tmp, which a container may not have
	if err != nil {
		return nil, err
	}
	for _, schema := range []string{participant.Schema(participant.SQLite), commonSchema, books} {
		if _, err := db.ExecContext(ctx, schema); err != nil {
			return nil, errors.Join(fmt.Errorf("making the tables of %s: %w", service, err), db.Close())
		}
	}
	return db, nil
}

// openToRead opens a service's database without changing it; another process may be writing to it. It returns nil
// where there is none.
func openToRead(dir, service string) (*sql.DB, error) {
	file := databaseFile(dir, service)
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("looking for the books of %s: %w", service, err)
	}
	return open(file, "_pragma=query_only(1)")
}

func open(file string, options ...string) (*sql.DB, error) {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", file, err)
	}
	query := "_pragma=busy_timeout(10000)"
	for _, option := range options {
		query += "&" + option
	}
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: absolute, RawQuery: query}).String())
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", file, err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
