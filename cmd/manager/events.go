package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sagas-dev/saga-operator/controllers"
	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/telemetry"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// makeEvents makes the way in for events of participants.
func (p *parts) makeEvents() error {
	p.events = events.New(events.Config{
		Open: p.openEvents, Wake: p.sagas.Wake, OnPassed: telemetry.PassedOver(metrics.Registry), Log: p.log.WithName("events"),
		Dead: deadletter.New(deadletter.Config{
			Topic: wire.DeadLettersTopic(p.cfg.Installation), Sender: p.producer, OnDead: p.measured.Dead, Log: p.log.WithName("events"),
		}),
	})
	telemetry.UnsettledEvents(metrics.Registry, p.events.Unsettled)
	return p.add("the reader of events", func(ctx context.Context) error {
		if err := p.expectSagas(ctx); err != nil {
			return err
		}
		return p.events.Run(ctx)
	})
}

// openEvents makes the reader of one topic. Where the installation has never read it, it begins a little before somebody began to
// listen: what happened earlier is nobody's, and what happens until the broker can be asked is not passed over.
func (p *parts) openEvents(topic string, sink kafka.Sink) events.Source {
	return kafka.NewReader(p.broker, kafka.ReaderConfig{
		Topic: topic, Group: p.cfg.Installation + ".events", Sink: sink, Begin: kafka.Begin{At: time.Now().Add(-events.Grace)},
		OnReadable: func(now kafka.Readability) { p.eventsReadable(topic, now) },
		OnReset:    p.eventsReset(topic), Log: p.log.WithName("events"),
	})
}

func (p *parts) eventsReadable(topic string, now kafka.Readability) {
	if now.OK() {
		p.log.Info("Events can be read", "topic", topic)
		p.sagas.Readable()
		return
	}
	p.log.Info("Events cannot be read: no wait for them ends meanwhile", "topic", topic, "reason", fmt.Sprint(now.Err))
}

func (p *parts) eventsReset(topic string) func(kafka.Reset) {
	return func(lost kafka.Reset) {
		p.measured.PositionReset()
		p.log.Info("Lost the position in a topic of events; reading it from its first message", "topic", topic,
			"partition", lost.Partition, "was", lost.From, "is", lost.To)
	}
}

// expectSagas names the unfinished sagas: all of them are looked at before an event may be anybody's.
func (p *parts) expectSagas(ctx context.Context) error {
	names, err := controllers.Unfinished(ctx, p.mgr.GetClient())
	if err != nil {
		return fmt.Errorf("listing the sagas whose events are to be read: %w", err)
	}
	p.events.Expect(names)
	return nil
}

// lost tells of an event of delivery AtMostOnce that will not be sent again.
func (p *parts) lost(saga dispatch.Saga, item dispatch.Item, err error) {
	p.log.Info("Lost an event that is delivered at most once", "namespace", saga.Namespace, "saga", saga.Name, "id", item.ID,
		"topic", item.Message.Topic, "reason", err.Error())
}
