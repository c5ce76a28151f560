package participant

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
)

// transient is whether a database error will pass by itself: it is busy, another transaction was faster, or it is
// away. What a handler returned is judged by passing alone: its network errors may come from anywhere.
func transient(err error) bool {
	var network net.Error
	return passing(err) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// passing is whether an error comes from a database for sure, and will pass. Drivers are not imported: PostgreSQL's
// say SQLState(), SQLite's say Code() or what sqlite3 itself says. RetryAfter is the handler's own word and comes first.
func passing(err error) bool {
	var (
		asked *transientFailure
		state interface{ SQLState() string }
		code  interface{ Code() int }
	)
	switch {
	case err == nil || errors.As(err, &asked):
		return false
	case errors.As(err, &state):
		return transientState(state.SQLState())
	case errors.As(err, &code):
		return transientCode(code.Code())
	}
	return errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
}

// transientState judges an SQLSTATE (PostgreSQL documentation, appendix A).
func transientState(state string) bool {
	switch state {
	case "40001", "40P01", "55P03", "57P01", "57P02", "57P03", "25006": // serialization, deadlock, lock, shutdown, standby
		return true
	}
	return strings.HasPrefix(state, "08") || strings.HasPrefix(state, "53") // connection, resources
}

// transientCode judges SQLite's result code, whose low byte is the primary one.
func transientCode(code int) bool {
	const busy, locked = 5, 6
	primary := code & 0xff
	return primary == busy || primary == locked
}

// gone is whether the context ended, which is no answer at all.
func gone(ctx context.Context, err error) bool {
	return err != nil && ctx.Err() != nil
}
