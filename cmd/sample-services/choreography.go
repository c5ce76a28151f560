package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// reaction is what a member does on its own account once events have told it enough.
type reaction struct {
	member, deed string
	after        []string // event types; all of them must have been told of the same delivery
	topics       []string // where they are told
	refuses      func(input map[string]any) *refusal
}

// reactions are the choreography of a delivery by drone: parcel and drone are scheduled when a delivery is requested, and the drone
// leaves when both are. Nobody is in charge.
var reactions = []reaction{
	{member: "package", deed: "schedule", after: []string{"shop.delivery-requested"}, topics: []string{"shop.events"}},
	{member: "drone", deed: "schedule", after: []string{"shop.delivery-requested"}, topics: []string{"shop.events"}, refuses: tooHeavy},
	{
		member: "delivery", deed: "start", after: []string{"package.schedule-succeeded", "drone.schedule-succeeded"},
		topics: []string{"package.events", "drone.events"},
	},
}

// choreograph lets the members react until ctx is done.
func choreograph(ctx context.Context, o *options) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, r := range reactions {
		group.Go(func() error {
			if err := r.run(ctx, o); err != nil && ctx.Err() == nil {
				return fmt.Errorf("reacting as %s: %w", r.member, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// request is the data of the events of a delivery.
type request struct {
	DeliveryID  string  `json:"deliveryId"`
	WeightGrams float64 `json:"weightGrams"`
}

func (r reaction) run(ctx context.Context, o *options) (err error) {
	db, err := openDatabase(ctx, o.data, r.member, o.synchronous, deedBooks+toldBooks)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: o.brokers, GroupID: r.member + "-reactions", GroupTopics: r.topics, MaxWait: 200 * time.Millisecond,
		StartOffset: kafka.FirstOffset, WatchPartitionChanges: true, ErrorLogger: kafka.LoggerFunc(func(string, ...any) {}),
	})
	writer := &kafka.Writer{
		Addr: kafka.TCP(o.brokers...), Topic: r.member + ".events", RequiredAcks: kafka.RequireAll,
		BatchTimeout: 5 * time.Millisecond, Balancer: &kafka.Hash{},
	}
	defer func() { err = errors.Join(err, reader.Close(), writer.Close()) }()
	for {
		m, err := reader.FetchMessage(ctx)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %v: %w", r.topics, err)
		}
		if err := r.react(ctx, db, writer, m); err != nil {
			return err
		}
		if err := reader.CommitMessages(ctx, m); err != nil && ctx.Err() == nil {
			return fmt.Errorf("committing: %w", err)
		}
	}
}

// toldBooks is what a member has been told: it goes on once it knows enough.
const toldBooks = `
CREATE TABLE IF NOT EXISTS told (
  subject TEXT NOT NULL,
  type    TEXT NOT NULL,
  PRIMARY KEY (subject, type)
);`

// react takes one event. What comes of it is written with the deed, and told afterwards: an event that is read again is told
// of again, under the same id.
func (r reaction) react(ctx context.Context, db *sql.DB, writer *kafka.Writer, m kafka.Message) error {
	in, kind, ok := r.concerns(m)
	if !ok {
		return nil
	}
	told, err := r.do(ctx, db, in, kind)
	if err != nil || told == nil {
		return err
	}
	return writer.WriteMessages(ctx, *told)
}

// concerns reads an event; false: it is somebody else's.
func (r reaction) concerns(m kafka.Message) (in request, kind string, ok bool) {
	for _, h := range m.Headers {
		if h.Key == "ce_type" {
			kind = string(h.Value)
		}
	}
	err := json.Unmarshal(m.Value, &in)
	return in, kind, err == nil && in.DeliveryID != "" && slices.Contains(r.after, kind)
}

// do notes what was told and, once all was, does the deed. It returns the event that says what came of it, if anything did.
func (r reaction) do(ctx context.Context, db *sql.DB, in request, kind string) (*kafka.Message, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("beginning: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // a no-op once it is committed
	if _, err := tx.ExecContext(ctx, `INSERT INTO told (subject, type) VALUES (?, ?) ON CONFLICT DO NOTHING`, in.DeliveryID, kind); err != nil {
		return nil, fmt.Errorf("noting what was told: %w", err)
	}
	var known int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM told WHERE subject = ?`, in.DeliveryID).Scan(&known); err != nil {
		return nil, fmt.Errorf("counting what was told: %w", err)
	}
	var event *kafka.Message
	if known == len(r.after) {
		if event, err = r.act(ctx, tx, in); err != nil {
			return nil, err
		}
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("committing: %w", err)
	}
	return event, nil
}

// act does the deed, unless it was undone before it was done.
func (r reaction) act(ctx context.Context, tx *sql.Tx, in request) (*kafka.Message, error) {
	if r.refuses != nil {
		if no := r.refuses(map[string]any{"weightGrams": in.WeightGrams}); no != nil {
			return r.event(in, "failed", map[string]any{"code": no.code, "message": no.message})
		}
	}
	var undone int
	err := tx.QueryRowContext(ctx, `SELECT undone FROM deeds WHERE forward_key = ?`, ownKey(in.DeliveryID)).Scan(&undone)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		err = writeDeed(ctx, tx, ownKey(in.DeliveryID), r.deed, in.DeliveryID)
	case undone == 1:
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what was done: %w", err)
	}
	return r.event(in, "succeeded", map[string]any{})
}

func (r reaction) event(in request, outcome string, data map[string]any) (*kafka.Message, error) {
	data["deliveryId"] = in.DeliveryID
	raw, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("writing an event: %w", err)
	}
	kind := fmt.Sprintf("%s.%s-%s", r.member, r.deed, outcome)
	m := kafka.Message{Key: []byte(in.DeliveryID), Value: raw}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", in.DeliveryID + "/" + kind}, {"ce_source", "/services/" + r.member}, {"ce_type", kind},
		{"ce_subject", in.DeliveryID}, {"ce_correlationid", in.DeliveryID}, {"content-type", "application/json"},
	} {
		m.Headers = append(m.Headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
	}
	return &m, nil
}
