package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"github.com/sagas-dev/saga-operator/participant"
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
	log, err := newLogger(o)
	if err != nil {
		return err
	}
	p, err := participant.New(participant.Config{Name: r.member, DB: db, Dialect: participant.SQLite, Logger: log})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	sender := &participant.Runner{Brokers: o.brokers, Outbox: p, Logger: log.With("service", r.member)}
	group.Go(func() error { return sender.Run(ctx) })
	group.Go(func() error { return r.listen(ctx, o, db, p, log) })
	return group.Wait()
}

// listen reads events until ctx is done. One is committed once what comes of it is: read again, it is known.
func (r reaction) listen(ctx context.Context, o *options, db *sql.DB, p *participant.Participant, log *slog.Logger) (err error) {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: o.brokers, GroupID: r.member + "-reactions", GroupTopics: r.topics, MaxWait: 200 * time.Millisecond,
		StartOffset: kafka.FirstOffset, WatchPartitionChanges: true, ErrorLogger: kafka.LoggerFunc(func(string, ...any) {}),
	})
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		m, err := reader.FetchMessage(ctx)
		if errors.Is(err, io.EOF) || ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %v: %w", r.topics, err)
		}
		err = r.react(ctx, db, p, m)
		if errors.Is(err, participant.ErrInvalidEvent) { // such as a delivery whose id is too long to tell of: it must not stop the others
			log.Warn("Event cannot be answered, leaving it behind", "topic", m.Topic, "partition", m.Partition, "offset", m.Offset, "error", err)
		} else if err != nil {
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

// react takes one event. What comes of it is published in the transaction of the deed.
func (r reaction) react(ctx context.Context, db *sql.DB, p *participant.Participant, m kafka.Message) error {
	in, kind, ok := r.concerns(m)
	if !ok {
		return nil
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // a no-op once it is committed
	told, err := r.do(ctx, tx, in, kind)
	if err != nil {
		return err
	}
	if told != nil {
		if err := p.Publish(ctx, tx, *told); err != nil {
			return fmt.Errorf("publishing: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
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
func (r reaction) do(ctx context.Context, tx *sql.Tx, in request, kind string) (*participant.Event, error) {
	noted, err := tx.ExecContext(ctx, `INSERT INTO told (subject, type) VALUES (?, ?) ON CONFLICT DO NOTHING`, in.DeliveryID, kind)
	if err != nil {
		return nil, fmt.Errorf("noting what was told: %w", err)
	}
	if news, err := noted.RowsAffected(); err != nil || news == 0 {
		return nil, err
	}
	var known int
	if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM told WHERE subject = ?`, in.DeliveryID).Scan(&known); err != nil {
		return nil, fmt.Errorf("counting what was told: %w", err)
	}
	if known < len(r.after) {
		return nil, nil
	}
	return r.act(ctx, tx, in)
}

// act does the deed, unless it was undone before it was done.
func (r reaction) act(ctx context.Context, tx *sql.Tx, in request) (*participant.Event, error) {
	if r.refuses != nil {
		if no := r.refuses(map[string]any{"weightGrams": in.WeightGrams}); no != nil {
			return r.event(in, "failed", map[string]any{"code": no.code, "message": no.message}), nil
		}
	}
	var undone bool
	err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deeds WHERE forward_key = ?)`, ownKey(in.DeliveryID)).Scan(&undone)
	if err != nil {
		return nil, fmt.Errorf("looking for what was undone: %w", err)
	}
	if undone {
		return nil, nil
	}
	if err := writeDeed(ctx, tx, ownKey(in.DeliveryID), r.deed, in.DeliveryID); err != nil {
		return nil, err
	}
	return r.event(in, "succeeded", map[string]any{}), nil
}

func (r reaction) event(in request, outcome string, data map[string]any) *participant.Event {
	data["deliveryId"] = in.DeliveryID
	return &participant.Event{Name: r.deed + "-" + outcome, CorrelationID: in.DeliveryID, Subject: in.DeliveryID, Data: data}
}
