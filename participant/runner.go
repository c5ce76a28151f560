package participant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"
)

// Processor answers one command. A Participant is one; a service may wrap it, to measure or to delay.
type Processor interface {
	// Process returns the message to answer with, or ErrMalformed, or the context's error.
	Process(ctx context.Context, m Message) (Message, error)
}

// Runner reads the command topics of one participant and answers, in a consumer group or alone. Commands of different sagas run
// in parallel, those of one saga in order. Its fields must not change once Run is called.
type Runner struct {
	// Brokers are host:port. Required.
	Brokers []string
	// Topics of commands. Required, unless the Runner only sends the events of an Outbox.
	Topics []string
	// Group is the consumer group; offsets are committed under its name. Required with Topics.
	Group string
	// Processor answers; usually a *Participant. Required with Topics.
	Processor Processor
	// Outbox is whose events are sent: those that its Publish has stored. Usually the Participant that is the Processor, too. Of the
	// replicas in a group one sends, the one that serves partition 0 of the first topic. Optional.
	Outbox *Participant
	// Alone says that this process is the only one that serves the topics, as one with a database file of its own is: it
	// takes every partition without joining the group, under whose name it still commits, so that a process that was
	// killed is replaced without waiting. Two that run at once by mistake cost repeated answers, nothing else.
	Alone bool
	// DeadLetters is the topic for messages that are no commands, or cannot be answered. Empty: they are logged,
	// counted and left behind.
	DeadLetters string
	// Parallel is how many sagas of one partition are served at once. Defaults to 8.
	Parallel int
	// Grace is how long commands in hand may take when the Runner stops or loses a partition. Defaults to 5 s, and
	// should stay below SessionTimeout.
	Grace time.Duration
	// GiveUp is how long a reply is tried that the broker refuses for its own sake, such as one to a topic that does not
	// exist: that may pass while brokers restart. Then the command is dead-lettered. Defaults to 30 s.
	GiveUp time.Duration
	// SessionTimeout is after how long the group gives up a member that was killed. Defaults to 10 s; the broker's own
	// lower bound is usually 6 s.
	SessionTimeout time.Duration
	// Security is how to connect. Optional.
	Security Security
	// Dialer and Transport, for reading and writing, stand in for Security where files are not what it takes. Optional; set
	// both.
	Dialer    *kafka.Dialer
	Transport *kafka.Transport
	// Prune is called once an hour; usually Participant.Prune. Optional.
	Prune func(ctx context.Context) (int64, error)
	// Logger defaults to slog.Default().
	Logger *slog.Logger

	counts counters
}

// Counts are what happened since the Runner was made.
type Counts struct {
	Answered      int64 // replies that the broker acknowledged
	Published     int64 // events of the Outbox that it did, repeated ones too
	Malformed     int64 // messages that are no commands
	Undeliverable int64 // replies whose topic or partition does not exist, or refuses them
	DeadLettered  int64 // of the two before: kept in the dead-letter topic
}

type counters struct{ answered, published, malformed, undeliverable, deadLettered atomic.Int64 }

// Counts may be called at any time.
func (r *Runner) Counts() Counts {
	return Counts{
		Answered: r.counts.answered.Load(), Published: r.counts.published.Load(), Malformed: r.counts.malformed.Load(),
		Undeliverable: r.counts.undeliverable.Load(), DeadLettered: r.counts.deadLettered.Load(),
	}
}

// Run serves until ctx ends and then returns nil, after the commands in hand are answered or Grace has passed. It
// waits for brokers and topics that are not there, as long as it takes. Errors: only those of the configuration.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.configure(); err != nil {
		return err
	}
	out := newSender(r)
	defer out.close()
	var aside sync.WaitGroup
	defer aside.Wait()
	if r.Prune != nil {
		aside.Go(func() { r.pruneHourly(ctx) })
	}
	if r.Outbox != nil && (r.Alone || len(r.Topics) == 0) {
		aside.Go(func() { r.relay(out).run(ctx) })
	}
	if len(r.Topics) == 0 {
		<-ctx.Done()
		return nil
	}
	r.serve(ctx, out)
	return nil
}

func (r *Runner) relay(out *sender) *relay { return &relay{runner: r, from: r.Outbox, out: out} }

// serve answers commands until ctx ends.
func (r *Runner) serve(ctx context.Context, out *sender) {
	wait := backoff{least: 100 * time.Millisecond, most: 5 * time.Second}
	serve := r.serveGroup
	if r.Alone {
		serve = r.serveAlone
	}
	for ctx.Err() == nil {
		if err := serve(ctx, out, &wait); err != nil && ctx.Err() == nil {
			r.Logger.Warn("Serving stopped, starting again", "group", r.Group, "error", err)
		}
		if wait.pause(ctx) != nil {
			break
		}
	}
	r.Logger.Info("Stopped", "group", r.Group)
}

func (r *Runner) configure() error {
	onlySends := r.Outbox != nil && len(r.Topics) == 0 && r.Processor == nil
	if len(r.Brokers) == 0 || !onlySends && (len(r.Topics) == 0 || r.Group == "" || r.Processor == nil) {
		return errors.New("participant: Brokers, Topics, Group and Processor are required; with an Outbox and no Processor, Brokers alone")
	}
	if r.Parallel <= 0 {
		r.Parallel = 8
	}
	if r.Grace <= 0 {
		r.Grace = 5 * time.Second
	}
	if r.GiveUp <= 0 {
		r.GiveUp = 30 * time.Second
	}
	if r.SessionTimeout <= 0 {
		r.SessionTimeout = 10 * time.Second
	}
	if r.Logger == nil {
		r.Logger = slog.Default()
	}
	return r.connect()
}

// pruneHourly keeps the inbox from growing without end. A failure is tried again an hour later.
func (r *Runner) pruneHourly(ctx context.Context) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		if n, err := r.Prune(ctx); err != nil && ctx.Err() == nil {
			r.Logger.Warn("Pruning the inbox failed", "error", err)
		} else if n > 0 {
			r.Logger.Info("Pruned the inbox", "rows", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// graceful returns a context that ends d after the parent does.
func graceful(parent context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(d, func() { cancel(fmt.Errorf("out of grace after %s", d)) })
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() { stop(); cancel(nil) }
}
