package participant

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// DefaultRetention is how long the inbox remembers a key at least: longer than any command can wait in its topic.
const DefaultRetention = 30 * 24 * time.Hour

// Handler executes one command inside tx, which the package begins, and commits together with the inbox's row.
//
// output is the step's output: nil, what encodes to a JSON object of at most 16 KiB, or an Output, which says the version too. An error made by Fail is a
// business failure, one made by RetryAfter and any other a transient one; what was written is rolled back in both.
// A handler must not commit or roll back tx, and must not have effects outside of it: they could not be undone.
type Handler func(ctx context.Context, tx *sql.Tx, c Command) (output any, err error)

// Config says what a participant is.
type Config struct {
	// Name is the participant's, the part before the dot in command types. Required.
	Name string
	// DB is the service's own database, which has the tables of Schema. Required.
	DB *sql.DB
	// Dialect is what DB speaks. Required.
	Dialect Dialect
	// Source is the ce_source of answers and events. Defaults to /participants/<name>.
	Source string
	// EventsTopic is where the events of Publish go, spec.topics.events of the SagaParticipant. Letters, digits, dots, underscores and
	// dashes, at most 249 characters. Defaults to <name>.events.
	EventsTopic string
	// Retention is how long the inbox remembers a key after it was touched last. Defaults to 30 days.
	Retention time.Duration
	// TxOptions is used to begin each transaction; nil is the database's default.
	TxOptions *sql.TxOptions
	// Received runs first in each command's transaction. What it writes is kept also where the command is answered
	// retry, so that it sees every delivery. Its errors are treated like the database's own. Optional.
	Received func(ctx context.Context, tx *sql.Tx, c Command, m Message) error
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
	// Logger defaults to slog.Default().
	Logger *slog.Logger
}

// Participant answers the commands of one service. It is safe for concurrent use once its handlers are registered.
type Participant struct {
	config   Config
	inbox    inbox
	outbox   outbox
	ready    atomic.Bool // the tables were there
	handlers map[string]Handler
}

var topicName = regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`)

// New checks the configuration. Errors name the field that is missing or wrong.
func New(c Config) (*Participant, error) {
	if c.Name == "" || c.DB == nil {
		return nil, errors.New("participant: Name and DB are required")
	}
	if len(c.Source) > wire.MaxHeader {
		return nil, fmt.Errorf("participant %s: Source has %d bytes, at most %d are allowed", c.Name, len(c.Source), wire.MaxHeader)
	}
	queries, err := statementsFor(c.Dialect)
	if err != nil {
		return nil, fmt.Errorf("participant %s: %w", c.Name, err)
	}
	if c.Source == "" {
		c.Source = "/participants/" + c.Name
	}
	if c.EventsTopic == "" {
		c.EventsTopic = c.Name + ".events"
	}
	if !topicName.MatchString(c.EventsTopic) {
		return nil, fmt.Errorf("participant %s: EventsTopic is %.300q (%d bytes): letters, digits, dots, underscores and dashes, at most 249",
			c.Name, c.EventsTopic, len(c.EventsTopic))
	}
	if c.Retention <= 0 {
		c.Retention = DefaultRetention
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Participant{
		config: c, handlers: map[string]Handler{}, inbox: inbox{sql: queries},
		outbox: outbox{
			sql: outboxStatementsFor(c.Dialect), dialect: c.Dialect, participant: c.Name, topic: c.EventsTopic, stored: make(chan struct{}, 1),
		},
	}, nil
}

// Handle registers the handler of a command, named without the participant: "reserve" for inventory.reserve. Actions
// and compensations are registered alike. It must be called before the first command is processed.
func (p *Participant) Handle(command string, h Handler) {
	p.handlers[p.config.Name+"."+command] = h
}

// Process judges one command, executes it where that is due, commits, and returns the message to answer with: its
// topic and partition are the ones that the command asked for. Whoever calls it sends that message first and commits
// the command's offset then. Calling it again with the same command returns the same answer.
//
// It retries by itself while the database is busy or away, without answering. Errors: ErrMalformed where the message
// is no command; otherwise only the context's.
func (p *Participant) Process(ctx context.Context, m Message) (Message, error) {
	asked, err := wire.DecodeCommand(m.wire())
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	a, err := p.answer(ctx, commandOf(asked), m)
	if err != nil {
		return Message{}, fmt.Errorf("answering %s: %w", asked.ID(), err)
	}
	reply := wire.ReplyTo(asked)
	reply.ID, reply.Source, reply.Time = rand.Text(), p.config.Source, a.Time
	reply.Outcome, reply.Body, reply.DataSchema = wire.Outcome(a.Outcome), a.Body, a.DataSchema
	out, err := wire.EncodeReply(reply, asked.ReplyTo, asked.ReplyPartition)
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return fromWire(out), nil
}

// Prune forgets the keys that nothing has touched for the retention time, and returns how many there were. The
// Runner calls it once an hour.
func (p *Participant) Prune(ctx context.Context) (int64, error) {
	return p.inbox.prune(ctx, p.config.DB, p.config.Now().Add(-p.config.Retention))
}
