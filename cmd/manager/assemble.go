package main

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sagas-dev/saga-operator/controllers"
	"github.com/sagas-dev/saga-operator/internal/config"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/outbound"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/replies"
	"github.com/sagas-dev/saga-operator/internal/telemetry"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/topicwatch"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// parts are what the manager consists of. Only the leader reads replies, decides and sends; every manager looks at topics,
// for readyz.
type parts struct {
	mgr      ctrl.Manager
	cfg      config.Config
	log      logr.Logger
	measured *telemetry.Metrics

	keys     *wire.Keyring
	broker   *kafka.Client
	producer *kafka.Producer
	reader   *kafka.Reader
	inbox    *replies.Inbox
	outbox   *dispatch.Outbox
	topics   *topicwatch.Watch
	may      topicpolicy.Policy // of topics that participants name
	sagas    *controllers.SagaReconciler
	programs *program.Cache
}

// assemble makes all parts and hands them to the manager, which starts nothing yet.
func assemble(mgr ctrl.Manager, cfg config.Config, measured *telemetry.Metrics, log logr.Logger) (*parts, error) {
	p := &parts{mgr: mgr, cfg: cfg, log: log, measured: measured, sagas: &controllers.SagaReconciler{}}
	for _, step := range []func() error{p.readTopicPolicy, p.makeKeys, p.makeBroker, p.makeReplies, p.makeControllers, p.run} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// makeBroker makes what talks to Kafka; it opens no connection.
func (p *parts) makeBroker() (err error) {
	connection := p.cfg.Kafka.Client("saga-operator-" + p.cfg.Installation)
	if p.broker, err = kafka.Connect(connection); err != nil {
		return err
	}
	p.producer = kafka.NewProducer(p.broker)
	installation := p.cfg.Installation
	p.topics = topicwatch.New(topicwatch.Options{
		Look: topicwatch.Fresh(connection), Reader: p.mgr.GetCache(), Found: func() { p.outbox.Retry() },
		Own: []string{wire.RepliesTopic(installation), wire.OutcomesTopic(installation), wire.DeadLettersTopic(installation)},
		Log: p.log.WithName("topics"),
	})
	return nil
}

// makeReplies makes the way in, and the way out, which nothing leaves before the way in was read to its end.
func (p *parts) makeReplies() error {
	p.inbox = replies.New(replies.Config{
		Installation: p.cfg.Installation, Keys: p.keys, Sender: p.producer,
		Wake: p.sagas.Wake, OnDead: p.measured.Dead, Log: p.log.WithName("replies"),
	})
	telemetry.Unsettled(metrics.Registry, p.inbox.Unsettled)
	p.reader = kafka.NewReader(p.broker, kafka.ReaderConfig{
		Topic: wire.RepliesTopic(p.cfg.Installation), Group: p.cfg.Installation, Sink: p.inbox,
		OnReadable: p.readable, OnReset: p.reset, Log: p.log.WithName("reader"),
	})
	p.inbox.Attach(p.reader)
	ready := make(chan struct{})
	p.outbox = dispatch.NewOutbox(dispatch.Options{
		Producer: p.producer, Now: time.Now, Ready: ready,
		Acknowledged: p.sagas.Acknowledged, Trouble: p.topics.Trouble, Metrics: dispatch.NewMetrics(metrics.Registry),
	})
	return p.add("the reader's first end", func(ctx context.Context) error {
		waitUntilHeard(ctx, p.inbox, ready)
		return nil
	})
}

// firstEndEvery is how often a new leader looks whether replies have been read to their end.
const firstEndEvery = 20 * time.Millisecond

// waitUntilHeard closes ready once all that had been answered when it was called is in an inbox.
func waitUntilHeard(ctx context.Context, inbox *replies.Inbox, ready chan<- struct{}) {
	start := time.Now()
	tick := time.NewTicker(firstEndEvery)
	defer tick.Stop()
	for {
		if heard := inbox.Heard(); !heard.ReadableSince.IsZero() && !heard.Until.Before(start) {
			close(ready)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *parts) readable(now kafka.Readability) {
	if now.OK() {
		p.log.Info("Replies can be read", "partitions", p.reader.Partitions())
		p.sagas.Readable()
	} else {
		p.log.Info("Replies cannot be read: no attempt's time runs out meanwhile", "reason", fmt.Sprint(now.Err))
	}
	p.topics.Nudge()
}

func (p *parts) reset(lost kafka.Reset) {
	p.measured.PositionReset()
	p.log.Info("Lost the position in the reply topic; reading it from its first message", "partition", lost.Partition, "was", lost.From, "is", lost.To)
}

// makeControllers registers one reconciler per resource.
func (p *parts) makeControllers() error {
	compiler, err := expr.New()
	if err != nil {
		return fmt.Errorf("making the compiler of expressions: %w", err)
	}
	p.programs = program.NewCache(compiler)
	c, live := p.mgr.GetClient(), p.mgr.GetAPIReader()
	*p.sagas = controllers.SagaReconciler{
		Client: c, APIReader: live, Recorder: p.mgr.GetEventRecorder("saga-operator"), Now: time.Now,
		Programs: p.programs, Outbox: p.outbox, Replies: p.inbox, Permitted: p.may,
		Encoder:  outbound.Encoder{Installation: p.cfg.Installation, Keys: p.keys, ReplyPartition: p.reader.ReplyPartition},
		Measured: telemetry.NewSagas(metrics.Registry),
	}
	real := clock.RealClock{}
	setups := map[string]func(ctrl.Manager) error{
		"sagas":        func(mgr ctrl.Manager) error { return p.sagas.SetupWithManager(mgr, p.cfg.Concurrency) },
		"definitions":  (&controllers.SagaDefinitionReconciler{Client: c, Live: live, Programs: p.programs, Permitted: p.may, Clock: real}).SetupWithManager,
		"revisions":    (&controllers.RevisionReconciler{Client: c, Live: live, Clock: real}).SetupWithManager,
		"participants": (&controllers.SagaParticipantReconciler{Client: c, Live: live, Permitted: p.may, Topics: p.topics, Clock: real}).SetupWithManager,
	}
	if p.cfg.OrderWorkflows {
		setups["orders"] = (&controllers.OrderWorkflowReconciler{Client: c, Live: live, Clock: real}).SetupWithManager
	}
	for name, setup := range setups {
		if err := setup(p.mgr); err != nil {
			return fmt.Errorf("setting up the controller of %s: %w", name, err)
		}
	}
	return nil
}

// run hands what is no controller to the manager.
func (p *parts) run() error {
	if err := p.mgr.Add(p.topics); err != nil {
		return fmt.Errorf("adding the watch of topics: %w", err)
	}
	if err := p.mgr.Add(p.outbox); err != nil {
		return fmt.Errorf("adding the outbox: %w", err)
	}
	if err := p.add("the inbox", p.inbox.Run); err != nil {
		return err
	}
	return p.add("the reader", p.reader.Run)
}

// add has the leader run something.
func (p *parts) add(name string, run func(context.Context) error) error {
	if err := p.mgr.Add(manager.RunnableFunc(run)); err != nil {
		return fmt.Errorf("adding %s: %w", name, err)
	}
	return nil
}

// heard says for readyz whether the leader can read replies; a manager that does not lead reads none.
func (p *parts) heard(elected <-chan struct{}) func() error {
	return func() error {
		select {
		case <-elected:
		default:
			return nil
		}
		if state := p.reader.Readability(); !state.OK() {
			return fmt.Errorf("replies: not all partitions of %s can be read: %w", wire.RepliesTopic(p.cfg.Installation), orNotYet(state.Err))
		}
		return nil
	}
}

func (p *parts) close() error {
	err := p.producer.Close()
	p.broker.Close()
	return err
}
