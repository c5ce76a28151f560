package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// outputs are what the sample services would answer, by the command's type.
var outputs = map[string]string{
	"inventory.reserve": `{"reservationId":"r-5b0c2e6a9d31"}`,
	"payment.charge":    `{"paymentId":"p-5b0c2e6a9d31"}`,
	"shipping.create":   `{"shipmentId":"s-5b0c2e6a9d31"}`,
}

// echo answers every command of the sample services with succeeded, at once and without any books; it only counts those of the
// silent participant.
type echo struct {
	client *kgo.Client
	failed func(error)
	heard  atomic.Int64 // commands of the silent participant
	cancel context.CancelFunc
	done   chan struct{}
}

// startEcho starts the participants. failed is told of what ends them.
func startEcho(broker string, failed func(error)) (*echo, error) {
	topics := []string{commandsTopic(silence)}
	for _, name := range stage.Services {
		topics = append(topics, commandsTopic(name))
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(time.Second),
		kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		return nil, fmt.Errorf("starting the participants: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	e := &echo{client: client, failed: failed, cancel: cancel, done: make(chan struct{})}
	go e.run(ctx)
	return e, nil
}

func (e *echo) close() {
	e.cancel()
	<-e.done
	e.client.Close()
}

func (e *echo) run(ctx context.Context) {
	defer close(e.done)
	for {
		fetches := e.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		if err := fetches.Err(); err != nil {
			e.failed(fmt.Errorf("reading commands: %w", err))
			return
		}
		fetches.EachRecord(func(r *kgo.Record) { e.take(ctx, r) })
	}
}

func (e *echo) take(ctx context.Context, r *kgo.Record) {
	if r.Topic == commandsTopic(silence) {
		e.heard.Add(1)
		return
	}
	answer, err := answerTo(r)
	if err != nil {
		e.failed(fmt.Errorf("answering a command: %w", err))
		return
	}
	e.client.Produce(ctx, answer, func(_ *kgo.Record, err error) {
		if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, kgo.ErrClientClosed) {
			e.failed(fmt.Errorf("sending an answer: %w", err))
		}
	})
}

func answerTo(r *kgo.Record) (*kgo.Record, error) {
	in := wire.Message{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		in.Headers = append(in.Headers, wire.Header{Key: h.Key, Value: h.Value})
	}
	command, err := wire.DecodeCommand(in)
	if err != nil {
		return nil, err
	}
	reply := wire.ReplyTo(command)
	reply.ID, reply.Source, reply.Time = command.ID(), "/bench/"+r.Topic, time.Now()
	reply.Outcome, reply.Body = wire.Succeeded, []byte(outputs[command.Type])
	m, err := wire.EncodeReply(reply, command.ReplyTo, command.ReplyPartition)
	if err != nil {
		return nil, err
	}
	out := &kgo.Record{Topic: m.Topic, Partition: m.Partition, Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return out, nil
}
