package participant

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// sender writes replies, events and dead letters and waits for the broker's acknowledgement.
type sender struct {
	runner *Runner
	writer *kafka.Writer
}

func newSender(r *Runner) *sender {
	return &sender{runner: r, writer: &kafka.Writer{
		Addr: kafka.TCP(r.Brokers...), Transport: r.Transport, Balancer: kafka.BalancerFunc(partitionAsked),
		RequiredAcks: kafka.RequireAll, MaxAttempts: 1, BatchTimeout: 2 * time.Millisecond, BatchSize: 500,
		WriteTimeout: 10 * time.Second, ReadTimeout: 10 * time.Second,
	}}
}

// partitionAsked sends a message where it says, and where it says nothing by its key like a Java client.
func partitionAsked(m kafka.Message, partitions ...int) int {
	if p, ok := m.WriterData.(int); ok && p >= 0 {
		return p
	}
	return (kafka.Murmur2Balancer{}).Balance(m, partitions...)
}

// reply sends the answer to asked. It returns false only because ctx ended.
func (s *sender) reply(ctx context.Context, asked, answer Message) bool {
	err := s.deliver(ctx, answer)
	switch {
	case err == nil:
		s.runner.counts.answered.Add(1)
		return true
	case ctx.Err() != nil:
		return false
	}
	s.runner.counts.undeliverable.Add(1)
	return s.bury(ctx, asked, fmt.Errorf("answering to %s/%d: %w", answer.Topic, answer.Partition, err))
}

// bury keeps a message that cannot be answered in the dead-letter topic, or only logs it where there is none. It
// returns false only because ctx ended.
func (s *sender) bury(ctx context.Context, m Message, cause error) bool {
	log := s.runner.Logger.With("topic", m.Topic, "partition", m.Partition, "offset", m.Offset)
	if s.runner.DeadLetters == "" {
		log.Error("Command cannot be answered, leaving it behind", "error", cause)
		return true
	}
	dead := fromWire(wire.DeadLetter(m.wire(), s.runner.DeadLetters, wire.Cause{Reason: wire.ReasonMalformed}, time.Now()))
	dead.Headers = append(dead.Headers, Header{Key: "x-saga-error", Value: []byte(cut(cause.Error(), maxMessage))})
	err := s.deliver(ctx, dead)
	switch {
	case err == nil:
		s.runner.counts.deadLettered.Add(1)
		log.Warn("Command cannot be answered, kept as a dead letter", "deadletters", dead.Topic, "error", cause)
	case ctx.Err() != nil:
		return false
	default:
		log.Error("Command cannot be answered, nor kept, leaving it behind", "error", errors.Join(cause, err))
	}
	return true
}

// deliver tries until the broker has the message, ctx ends, or it is clear that the broker won't ever take it.
func (s *sender) deliver(ctx context.Context, m Message) error {
	wait := backoff{least: 50 * time.Millisecond, most: 2 * time.Second}
	began := time.Now()
	for {
		err := s.writer.WriteMessages(ctx, m.kafka())
		if err == nil || ctx.Err() != nil {
			return err
		}
		if hopeless(err) && time.Since(began) > s.runner.GiveUp {
			return fmt.Errorf("given up after %s: %w", s.runner.GiveUp, err)
		}
		s.runner.Logger.Debug("Sending failed, trying again", "topic", m.Topic, "error", err)
		if err := wait.pause(ctx); err != nil {
			return err
		}
	}
}

// hopeless is whether the broker refuses the message itself: anything else, such as a broker that is away, passes.
func hopeless(err error) bool {
	var tooLarge kafka.MessageTooLargeError
	if errors.As(err, &tooLarge) {
		return true
	}
	for _, refusal := range []error{
		protocol.ErrNoTopic, protocol.ErrNoPartition,
		kafka.UnknownTopicOrPartition, kafka.InvalidTopic, kafka.TopicAuthorizationFailed, kafka.MessageSizeTooLarge,
		kafka.InvalidMessage, kafka.InvalidRecord,
	} {
		if is(err, refusal) {
			return true
		}
	}
	return false
}

// is looks into WriteErrors too, which the client returns for a batch.
func is(err, refusal error) bool {
	var batch kafka.WriteErrors
	if errors.As(err, &batch) {
		for _, one := range batch {
			if errors.Is(one, refusal) {
				return true
			}
		}
	}
	return errors.Is(err, refusal)
}

func (s *sender) close() {
	if err := s.writer.Close(); err != nil {
		s.runner.Logger.Warn("Closing the writer failed", "error", err)
	}
}
