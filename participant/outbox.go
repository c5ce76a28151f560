package participant

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// outbox keeps the events of one participant, in the service's database, from the commit of their transaction to the broker's
// acknowledgement. It keeps the very bytes that are sent.
type outbox struct {
	sql         outboxStatements
	dialect     Dialect
	participant string
	topic       string
	stored      chan struct{} // holds a token after store was called in this process
}

// kept is an event that the broker has not acknowledged.
type kept struct {
	position int64
	message  Message
}

// store writes m as part of tx.
func (b *outbox) store(ctx context.Context, tx *sql.Tx, m Message, now time.Time) error {
	headers := make([][2]string, len(m.Headers))
	for i, h := range m.Headers {
		headers[i] = [2]string{h.Key, string(h.Value)}
	}
	raw, err := json.Marshal(headers)
	if err != nil {
		return fmt.Errorf("writing an event's headers: %w", err)
	}
	if _, err := tx.ExecContext(ctx, b.sql.store, b.participant, string(m.Key), string(raw), m.Value, now.UnixNano()); err != nil {
		return fmt.Errorf("storing an event: %w", err)
	}
	select {
	case b.stored <- struct{}{}:
	default: // a token is there already
	}
	return nil
}

// first loads the events that were stored first, in that order.
func (b *outbox) first(ctx context.Context, db *sql.DB, most int) (all []kept, err error) {
	rows, err := db.QueryContext(ctx, b.sql.first, b.participant, most)
	if err != nil {
		return nil, fmt.Errorf("loading events: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		k := kept{message: Message{Topic: b.topic, Partition: -1}}
		var headers string
		if err := rows.Scan(&k.position, &k.message.Key, &headers, &k.message.Value); err != nil {
			return nil, fmt.Errorf("loading events: %w", err)
		}
		var pairs [][2]string
		if err := json.Unmarshal([]byte(headers), &pairs); err != nil {
			return nil, fmt.Errorf("reading the headers of event %d: %w", k.position, err)
		}
		for _, h := range pairs {
			k.message.Headers = append(k.message.Headers, Header{Key: h[0], Value: []byte(h[1])})
		}
		all = append(all, k)
	}
	return all, rows.Err()
}

// remove forgets events that the broker has.
func (b *outbox) remove(ctx context.Context, db *sql.DB, sent []kept) error {
	if len(sent) == 0 {
		return nil
	}
	positions := make([]any, len(sent))
	for i, k := range sent {
		positions[i] = k.position
	}
	query := b.dialect.query(b.sql.remove + "(?" + strings.Repeat(", ?", len(sent)-1) + ")")
	if _, err := db.ExecContext(ctx, query, positions...); err != nil {
		return fmt.Errorf("removing events that were sent: %w", err)
	}
	return nil
}
