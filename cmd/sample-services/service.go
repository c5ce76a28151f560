package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sagas-dev/saga-operator/internal/config"
	"github.com/sagas-dev/saga-operator/internal/version"
	"github.com/sagas-dev/saga-operator/participant"
)

// service is one of the three: its name, its books and its handlers by command.
type service struct {
	name     string
	books    string // SQL that makes its tables
	handlers map[string]participant.Handler
	seed     func(ctx context.Context, db *sql.DB) error // optional: what the books hold at first
}

// options are the flags of every service.
type options struct {
	brokers                          []string
	kafka                            config.Kafka
	data, topic, group, deadLetters  string
	logLevel, logFormat, synchronous string
	health                           string // host:port; "0": none
	latency, grace, keep             time.Duration
	parallel                         int
}

// command is the subcommand that serves until SIGTERM.
func (s *service) command(short string) *cobra.Command {
	o := &options{}
	c := &cobra.Command{
		Use: s.name, Short: short, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.data = c.Flag("data").Value.String()
			return s.run(c.Context(), o)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&o.brokers, "brokers", []string{"localhost:9092"}, "Kafka brokers, host:port")
	o.kafka.AddFlags(f) // the manager's flags, for a connection that needs TLS or SASL
	f.Lookup("kafka-brokers").Usage = "the same as --brokers, and wins"
	f.StringVar(&o.topic, "commands-topic", s.name+".commands", "topic to read commands from")
	f.StringVar(&o.group, "group", s.name, "consumer group under whose name offsets are committed")
	f.StringVar(&o.deadLetters, "deadletters-topic", "", "topic for messages that are no commands; empty: they are logged only")
	f.DurationVar(&o.latency, "latency", 0, "artificial delay before each command, outside of any transaction")
	f.IntVar(&o.parallel, "parallel", 32, "sagas of one partition that are served at once")
	f.DurationVar(&o.grace, "grace", 4*time.Second, "how long commands in hand may take at the end")
	f.DurationVar(&o.keep, "inbox-retention", participant.DefaultRetention, "how long the inbox remembers a key")
	f.StringVar(&o.synchronous, "synchronous", "FULL", "SQLite's synchronous: FULL survives a power cut, NORMAL a killed process")
	f.StringVar(&o.health, "health-probe-bind-address", "0", "host:port of /healthz and /readyz; 0: none")
	f.StringVar(&o.logLevel, "log-level", "info", "debug (every command), info, warn or error")
	f.StringVar(&o.logFormat, "log-format", "text", "text or json")
	return c
}

func (s *service) run(ctx context.Context, o *options) (err error) {
	log, err := newLogger(o)
	if err != nil {
		return err
	}
	log = log.With("service", s.name)
	if len(o.kafka.Brokers) == 0 {
		o.kafka.Brokers = o.brokers
	}
	if err := o.kafka.Check(); err != nil {
		return err
	}
	db, err := openDatabase(ctx, o.data, s.name, o.synchronous, s.books)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if s.seed != nil {
		if err := s.seed(ctx, db); err != nil {
			return fmt.Errorf("seeding the books: %w", err)
		}
	}
	p, err := s.participant(db, o, log)
	if err != nil {
		return err
	}
	stopHealth, err := serveHealth(o.health, db, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopHealth()) }()
	runner := &participant.Runner{
		Brokers: o.kafka.Brokers, Security: securityOf(o.kafka), Topics: []string{o.topic}, Group: o.group, DeadLetters: o.deadLetters,
		Processor: &delayed{next: p, latency: o.latency, log: log}, Parallel: o.parallel,
		Alone: true, Grace: o.grace, Prune: p.Prune, Logger: log,
	}
	log.Info("Starting", "version", version.Number(), "commit", version.Commit(), "brokers", o.kafka.Brokers, "topic", o.topic, "data", databaseFile(o.data, s.name), "latency", o.latency)
	return runner.Run(ctx)
}

func securityOf(k config.Kafka) participant.Security {
	return participant.Security{
		TLS: k.TLS, CAFile: k.CAFile, CertFile: k.CertFile, KeyFile: k.KeyFile,
		SASL: k.SASL, UsernameFile: k.UsernameFile, PasswordFile: k.PasswordFile,
	}
}

func (s *service) participant(db *sql.DB, o *options, log *slog.Logger) (*participant.Participant, error) {
	p, err := participant.New(participant.Config{
		Name: s.name, DB: db, Dialect: participant.SQLite, Retention: o.keep, Received: recordReceipt, Logger: log,
	})
	if err != nil {
		return nil, err
	}
	for command, handler := range s.handlers {
		p.Handle(command, recordingEffects(handler))
	}
	return p, nil
}

// recordingEffects notes each time that a handler took effect, in the handler's own transaction.
func recordingEffects(next participant.Handler) participant.Handler {
	return func(ctx context.Context, tx *sql.Tx, c participant.Command) (any, error) {
		output, err := next(ctx, tx, c)
		if err != nil {
			return nil, err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO effects (forward_key, direction, command_id) VALUES (?, ?, ?)`,
			c.ForwardKey(), string(c.Direction), c.ID)
		if err != nil {
			return nil, fmt.Errorf("recording the effect: %w", err)
		}
		return output, nil
	}
}

// delayed waits before each command, and logs what was answered.
type delayed struct {
	next    participant.Processor
	latency time.Duration
	log     *slog.Logger
}

func (d *delayed) Process(ctx context.Context, m participant.Message) (participant.Message, error) {
	if d.latency > 0 {
		timer := time.NewTimer(d.latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return participant.Message{}, fmt.Errorf("delaying: %w", context.Cause(ctx))
		}
	}
	reply, err := d.next.Process(ctx, m)
	if err == nil {
		d.log.Debug("Answering", "command", header(m, "ce_id"), "type", header(m, "ce_type"), "outcome", header(reply, "ce_sagaoutcome"))
	}
	return reply, err
}

func header(m participant.Message, name string) string {
	for _, h := range m.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

func newLogger(o *options) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, fmt.Errorf("reading --log-level: %w", err)
	}
	settings := &slog.HandlerOptions{Level: level}
	switch o.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(os.Stderr, settings)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(os.Stderr, settings)), nil
	}
	return nil, fmt.Errorf("--log-format %q is not one of text and json", o.logFormat)
}

// idFor makes an id from an idempotency key, so that the same question always gets the same id.
func idFor(prefix, key string) string {
	sum := sha256.Sum256([]byte(key))
	return prefix + "-" + hex.EncodeToString(sum[:6])
}
