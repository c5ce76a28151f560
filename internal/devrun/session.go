package devrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"

	"github.com/sagas-dev/saga-operator/internal/casetest"
	"github.com/sagas-dev/saga-operator/internal/devbroker"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/local"
	"github.com/sagas-dev/saga-operator/internal/outbound"
	"github.com/sagas-dev/saga-operator/internal/replies"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// ErrNotCompleted says that not every saga was Completed.
var ErrNotCompleted = errors.New("not every saga was completed")

// ErrTimeout says that not every saga had ended in time. The error that wraps it names those, and what each waits for.
var ErrTimeout = errors.New("not every saga has ended in time")

// ErrNothingToRun says that a session, which is to end with its sagas, has none.
var ErrNothingToRun = errors.New("no Saga or OrderWorkflow among the files")

// InputError is an error about the files, or about files and options together: nothing was run.
type InputError struct{ error }

// Unwrap returns what is wrong.
func (e InputError) Unwrap() error { return e.error }

// session is all that runs. Its methods are called by one goroutine, that of loop.
type session struct {
	o      Options
	screen *screen
	broker *devbroker.Broker
	client *kafka.Client
	topics *catalogue

	producer *kafka.Producer

	runner  *local.Runner
	sender  *sender
	inbox   *replies.Inbox
	reader  *kafka.Reader
	hearing *hearing
	ear     ear
	sagas   []*local.Saga
	files   string // what was seen of them last
	piped   []byte // what is piped in, once it was read

	stubs    stubs
	noScript *casetest.Script
	waiting  map[string]time.Time // since when a step waits for an event; zero: it was published

	group    *errgroup.Group
	ctx      context.Context // of the session's goroutines
	heard    map[string]bool // events topics that are read
	wake     chan struct{}
	readable chan struct{} // closed once replies can be read
}

// Run runs sagas until ctx is done or, with Once, until all have ended.
//
// Errors: devbroker.ErrPortTaken; with Once ErrNotCompleted, ErrTimeout and ErrNothingToRun. An InputError says what is wrong with the files.
func Run(ctx context.Context, o Options) error {
	broker, err := devbroker.Start(o.Port)
	if err != nil {
		return err
	}
	defer broker.Close()
	group, running := errgroup.WithContext(ctx)
	stopping, stop := context.WithCancel(running)
	defer stop()
	r := &session{
		o: o, screen: newScreen(o.Out, o.Live), broker: broker, topics: newCatalogue(), group: group, ctx: stopping,
		heard: map[string]bool{}, wake: make(chan struct{}, 1), readable: make(chan struct{}), waiting: map[string]time.Time{},
		noScript: casetest.NewScript(nil),
	}
	if err := r.setUp(); err != nil {
		return err
	}
	defer r.client.Close()
	group.Go(func() error {
		defer stop()
		return r.loop(stopping)
	})
	return errors.Join(group.Wait(), r.producer.Close())
}

func (r *session) nudge() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *session) now() time.Time { return time.Now().UTC() }

// Now is the time of day.
func (r *session) Now() time.Time { return r.now() }

// ear is what was heard of replies before they were taken last.
type ear struct{ replies.Heard }

// ReadableSince says since when all replies can be read.
func (r *session) ReadableSince() (time.Time, bool) {
	return r.ear.ReadableSince, !r.ear.ReadableSince.IsZero()
}

// HeardUntil says until when all replies are known.
func (r *session) HeardUntil() time.Time { return r.ear.Until }

// setUp connects everything to the broker.
func (r *session) setUp() (err error) {
	if r.client, err = kafka.Connect(kafka.Config{Brokers: []string{r.broker.Addr()}, ClientID: "kubectl-saga-dev"}); err != nil {
		return err
	}
	for _, topic := range []func(string) string{wire.RepliesTopic, wire.OutcomesTopic, wire.DeadLettersTopic} {
		if err := r.broker.CreateTopics(topic(r.o.Installation)); err != nil {
			return err
		}
	}
	secret, err := wire.NewSecret()
	if err != nil {
		return err
	}
	keys, err := wire.NewKeyring(secret, nil)
	if err != nil {
		return err
	}
	producer := kafka.NewProducer(r.client)
	r.producer = producer
	r.stubs = stubs{producer: producer, answered: map[string]bool{}, real: map[string]bool{}}
	r.hearing = &hearing{wake: r.nudge}
	r.listenForReplies(producer, keys)
	outbox := dispatch.NewOutbox(dispatch.Options{
		Producer: producer, Ready: r.readable, Acknowledged: func(dispatch.Saga, dispatch.Item) { r.nudge() },
	})
	r.group.Go(func() error { return outbox.Start(r.ctx) })
	r.sender = &sender{
		outbox: outbox, topics: r.topics, messages: map[string]wire.Message{}, once: map[string][]dispatch.Item{}, told: r.tellSent,
		encoder: outbound.Encoder{Installation: r.o.Installation, Keys: keys, ReplyPartition: r.reader.ReplyPartition},
	}
	r.runner, err = local.NewRunner(local.Options{
		Installation: r.o.Installation, Clock: r, Outbox: r.sender, Ear: r, Decided: r.screen.decided,
	})
	return err
}

func (r *session) listenForReplies(producer *kafka.Producer, keys *wire.Keyring) {
	r.inbox = replies.New(replies.Config{
		Installation: r.o.Installation, Keys: keys, Sender: producer, Log: logr.Discard(), Wake: func(string, string) { r.nudge() },
		OnDead: func(reason string) {
			r.screen.line("a reply went to %s: %s", wire.DeadLettersTopic(r.o.Installation), reason)
		},
	})
	opened := false
	r.reader = kafka.NewReader(r.client, kafka.ReaderConfig{
		Topic: wire.RepliesTopic(r.o.Installation), Group: r.o.Installation + ".saga", Sink: r.inbox, Log: logr.Discard(),
		Wait: 100 * time.Millisecond,
		OnReadable: func(state kafka.Readability) {
			if state.OK() && !opened {
				opened = true
				close(r.readable)
			}
			r.nudge()
		},
	})
	r.inbox.Attach(r.reader)
	r.group.Go(func() error { return r.reader.Run(r.ctx) })
	r.group.Go(func() error { return r.inbox.Run(r.ctx) })
}

// makeTopics makes the topics of all participants, and listens for their events.
func (r *session) makeTopics() error {
	for _, name := range r.topics.names() {
		topics := r.topics.of(name)
		if err := r.broker.CreateTopics(topics.Commands, topics.Events); err != nil {
			return fmt.Errorf("participant %q: %w", name, err)
		}
	}
	for _, topic := range r.topics.eventsTopics() {
		if !r.heard[topic] {
			r.heard[topic] = true
			r.group.Go(func() error { return r.hearing.listen(r.ctx, r.client, topic) })
		}
	}
	return nil
}
