package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sagas-dev/saga-operator/controllers"
	"github.com/sagas-dev/saga-operator/internal/clockskew"
	"github.com/sagas-dev/saga-operator/internal/config"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/outbound"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/replies"
	"github.com/sagas-dev/saga-operator/internal/telemetry"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/topicwatch"
	"github.com/sagas-dev/saga-operator/internal/trigger"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// parts are what the manager consists of. Only the leader reads replies, decides and sends; every manager looks at topics,
// for readyz.
type parts struct {
	mgr      ctrl.Manager
	cfg      config.Config
	log      logr.Logger
	measured *telemetry.Metrics
	guard    *clockskew.Guard
	lease    *lease         // nil without an election
	required []*requirement // what must hold before anything is done

	keys     *wire.Keyring
	broker   *kafka.Client
	producer *kafka.Producer
	reader   *kafka.Reader
	inbox    *replies.Inbox
	events   *events.Hub
	outbox   *dispatch.Outbox
	topics   *topicwatch.Watch
	may      topicpolicy.Policy // of topics that participants name
	sagas    *controllers.SagaReconciler
	programs *program.Cache
	triggers *trigger.Runs

	started atomic.Pointer[ctrl.Manager] // once what is required was there
	warm    atomic.Bool                  // the cache has read everything
	sending atomic.Int32                 // what runs and may have messages on their way
}

// prepare makes what looks at the world outside and needs nothing of it.
func prepare(cfg config.Config, api *rest.Config, measured *telemetry.Metrics, log logr.Logger) (*parts, error) {
	p := &parts{cfg: cfg, log: log, measured: measured, sagas: &controllers.SagaReconciler{}}
	var err error
	if p.guard, err = newGuard(api, measured, log); err != nil {
		return nil, err
	}
	cluster, err := newCluster(cfg, api)
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{p.readTopicPolicy, p.makeKeys, p.makeBroker} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	p.require("kubernetes", kubernetesEvery, cluster.check)
	return p, nil
}

// require adds something that must hold before the manager works.
func (p *parts) require(name string, every time.Duration, check func(context.Context) error) {
	p.required = append(p.required, newRequirement(name, every, p.log, check))
}

// assemble makes all other parts and hands them to the manager, which starts nothing yet.
func (p *parts) assemble(mgr ctrl.Manager) error {
	p.mgr = mgr
	for _, step := range []func() error{p.makeReplies, p.makeEvents, p.makeControllers, p.run} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
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
		Look: topicwatch.Fresh(connection), Reader: (*participants)(p), Found: p.found,
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
		Acknowledged: p.sagas.Acknowledged, Trouble: p.topics.Trouble, Lost: p.lost, Metrics: dispatch.NewMetrics(metrics.Registry),
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
	keys := controllers.NewEventKeys(compiler)
	c, live := p.mgr.GetClient(), p.mgr.GetAPIReader()
	*p.sagas = controllers.SagaReconciler{
		Client: c, APIReader: live, Recorder: p.mgr.GetEventRecorder("saga-operator"), Now: time.Now,
		Programs: p.programs, Outbox: p.outbox, Replies: p.inbox, Events: p.events, Permitted: p.may, EventKeys: keys,
		Encoder:  outbound.Encoder{Installation: p.cfg.Installation, Keys: p.keys, ReplyPartition: p.reader.ReplyPartition},
		Measured: telemetry.NewSagas(metrics.Registry),
	}
	if err := p.makeTriggers(); err != nil {
		return err
	}
	real := clock.RealClock{}
	setups := map[string]func(ctrl.Manager) error{
		"sagas":        func(mgr ctrl.Manager) error { return p.sagas.SetupWithManager(mgr, p.cfg.Concurrency) },
		"definitions":  (&controllers.SagaDefinitionReconciler{Client: c, Live: live, Programs: p.programs, Permitted: p.may, EventKeys: keys, Clock: real}).SetupWithManager,
		"revisions":    (&controllers.RevisionReconciler{Client: c, Live: live, Clock: real}).SetupWithManager,
		"participants": (&controllers.SagaParticipantReconciler{Client: c, Live: live, Permitted: p.may, EventKeys: keys, Topics: p.topics, Clock: real}).SetupWithManager,
		"events":       (&controllers.EventPictureReconciler{Client: c, Programs: p.programs, Permitted: p.may, EventKeys: keys, Know: p.events.Know}).SetupWithManager,
		"triggers": (&controllers.SagaTriggerReconciler{
			Client: c, Expressions: compiler, Permitted: p.may, Orders: p.cfg.OrderWorkflows, Triggers: p.triggers, Clock: real,
		}).SetupWithManager,
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

// makeTriggers makes what reads the topics of triggers.
func (p *parts) makeTriggers() error {
	p.triggers = trigger.NewRuns(trigger.Options{
		Installation: p.cfg.Installation, Broker: p.broker, Sender: p.producer, Client: p.mgr.GetClient(), Live: p.mgr.GetAPIReader(),
		Programs: p.programs, Metrics: trigger.NewMetrics(metrics.Registry), Log: p.log.WithName("triggers"),
	})
	trigger.Lag(metrics.Registry, p.triggers.Lag)
	return p.triggers.Watch(context.Background(), p.mgr.GetCache(), p.cfg.OrderWorkflows)
}

// run hands what is no controller to the manager.
func (p *parts) run() error {
	if err := p.mgr.Add(everywhere(p.cacheIsRead)); err != nil {
		return fmt.Errorf("adding what waits for the cache: %w", err)
	}
	if err := p.add("what sends", p.send); err != nil {
		return err
	}
	return p.add("the reader", func(ctx context.Context) error {
		p.readKeysFirst(ctx)
		return p.reader.Run(ctx)
	})
}

// cacheIsRead runs in every manager once its cache has read everything.
func (p *parts) cacheIsRead(context.Context) error {
	p.warm.Store(true)
	p.topics.Nudge() // now with those of the participants
	return nil
}

// send runs all that sends or makes sagas, and ends when nothing is on its way any more: only then may the lease be released.
func (p *parts) send(ctx context.Context) error {
	p.sending.Add(1)
	defer p.sending.Add(-1)
	var inbox, triggers error
	var other sync.WaitGroup
	other.Go(func() { inbox = p.inbox.Run(ctx) })
	other.Go(func() { triggers = p.triggers.Start(ctx) })
	outbox := p.outbox.Start(ctx)
	other.Wait()
	return errors.Join(outbox, inbox, triggers, p.producer.Close())
}

// everywhere is what runs in every manager, leading or not.
type everywhere manager.RunnableFunc

// Start runs it.
func (e everywhere) Start(ctx context.Context) error { return e(ctx) }

// NeedLeaderElection says that it needs none.
func (e everywhere) NeedLeaderElection() bool { return false }

// found is told when topics are there that were not.
func (p *parts) found() {
	if p.started.Load() != nil {
		p.outbox.Retry()
	}
}

// participants lists those that the watch of topics asks for: from the cache, once that has been read.
type participants parts

// Get implements client.Reader.
func (p *participants) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	if !p.warm.Load() {
		return errNotYet
	}
	return p.mgr.GetCache().Get(ctx, key, o, options...)
}

// List implements client.Reader.
func (p *participants) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	if !p.warm.Load() {
		return nil
	}
	return p.mgr.GetCache().List(ctx, list, options...)
}

// add has the leader run something.
func (p *parts) add(name string, run func(context.Context) error) error {
	if err := p.mgr.Add(manager.RunnableFunc(run)); err != nil {
		return fmt.Errorf("adding %s: %w", name, err)
	}
	return nil
}

// close gives up the connections. What was sent by then was waited for by send.
func (p *parts) close() { p.broker.Close() }
