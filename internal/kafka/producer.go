package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// batchWait is how long a message waits for others to the same partition.
const batchWait = 2 * time.Millisecond

// Producer sends messages. Those of many concurrent callers go in common batches; the messages of one partition
// keep their order.
type Producer struct {
	client *Client
	writer *kafka.Writer
}

// SendError says which messages were not acknowledged, and why, by their index in what was sent. A message that
// was not acknowledged may have reached the broker all the same.
type SendError struct{ Failed map[int]error }

// Error names how many failed and one reason.
func (e *SendError) Error() string {
	for _, err := range e.Failed {
		return fmt.Sprintf("%d messages were not acknowledged, one since: %v", len(e.Failed), err)
	}
	return "no message failed"
}

// Unwrap returns all reasons.
func (e *SendError) Unwrap() []error {
	errs := make([]error, 0, len(e.Failed))
	for _, err := range e.Failed {
		errs = append(errs, err)
	}
	return errs
}

// NewProducer makes a producer that waits for all in-sync replicas and never sends again by itself.
func NewProducer(c *Client) *Producer {
	return &Producer{client: c, writer: &kafka.Writer{
		Addr:         c.addr,
		Transport:    c.transport,
		Balancer:     explicitOrByKey{},
		MaxAttempts:  1,
		BatchTimeout: batchWait,
		BatchSize:    100,
		BatchBytes:   900_000, // below the broker's default of 1 MiB with its own overhead
		RequiredAcks: kafka.RequireAll,
		WriteTimeout: c.cfg.RequestTimeout,
		ReadTimeout:  c.cfg.RequestTimeout,
	}}
}

// Close sends what waits and ends the producer.
func (p *Producer) Close() error {
	if err := p.writer.Close(); err != nil {
		return fmt.Errorf("closing the producer: %w", err)
	}
	return nil
}

// Send returns when all messages are acknowledged, failed, or ctx is done. Partition -1, or one that does not
// exist, means that the key decides, the same way as in the Java client.
//
// Errors: *SendError, whose reasons are ErrTopicMissing, ErrUnavailable or ErrRefused.
func (p *Producer) Send(ctx context.Context, messages []wire.Message) error {
	failed := map[int]error{}
	var records []kafka.Message
	var indexes []int // of records in messages
	for i, m := range messages {
		if err := p.ready(ctx, m); err != nil {
			failed[i] = err
			continue
		}
		records, indexes = append(records, toRecord(m)), append(indexes, i)
	}
	p.write(ctx, records, indexes, failed)
	if len(failed) > 0 {
		return &SendError{Failed: failed}
	}
	return nil
}

// ready checks the topic first, since the library lets one missing topic fail all messages of a call.
func (p *Producer) ready(ctx context.Context, m wire.Message) error {
	topics, err := p.client.Topics(ctx, m.Topic)
	if err == nil && !topics[m.Topic].Exists && p.client.refresh() { // it may have been made since the last look
		topics, err = p.client.Topics(ctx, m.Topic)
	}
	if err != nil {
		return err
	}
	if !topics[m.Topic].Exists {
		return fmt.Errorf("sending to %q: %w", m.Topic, ErrTopicMissing)
	}
	if n := len(m.Key) + len(m.Value); n > int(p.writer.BatchBytes)/2 {
		return fmt.Errorf("sending to %q: %w: the message has %d bytes, at most %d are allowed", m.Topic, ErrRefused, n, p.writer.BatchBytes/2)
	}
	return nil
}

func (p *Producer) write(ctx context.Context, records []kafka.Message, indexes []int, failed map[int]error) {
	err := p.writer.WriteMessages(ctx, records...)
	var each kafka.WriteErrors
	byRecord := errors.As(err, &each) && len(each) == len(records)
	for i, at := range indexes {
		reason := err
		if byRecord {
			reason = each[i]
		}
		if reason != nil {
			failed[at] = p.failure(records[i].Topic, reason)
		}
	}
}

// failure classifies why a message was not acknowledged. The topic was there a moment ago, so a broker that does
// not know it, or does not lead it, has moved on: the next attempt looks anew.
func (p *Producer) failure(topic string, err error) error {
	for _, stale := range []kafka.Error{kafka.UnknownTopicOrPartition, kafka.NotLeaderForPartition, kafka.LeaderNotAvailable, kafka.BrokerNotAvailable} {
		if errors.Is(err, stale) {
			p.client.refresh()
		}
	}
	return classify(fmt.Sprintf("sending to %q", topic), err)
}

func toRecord(m wire.Message) kafka.Message {
	headers := make([]kafka.Header, len(m.Headers))
	for i, h := range m.Headers {
		headers[i] = kafka.Header{Key: h.Key, Value: h.Value}
	}
	return kafka.Message{Topic: m.Topic, Key: m.Key, Value: m.Value, Headers: headers, Time: m.Time, WriterData: m.Partition}
}

// explicitOrByKey takes the partition that the message names, or hashes its key.
type explicitOrByKey struct{ byKey kafka.Murmur2Balancer }

// Balance chooses one of partitions.
func (b explicitOrByKey) Balance(m kafka.Message, partitions ...int) int {
	if wanted, ok := m.WriterData.(int32); ok && wanted >= 0 && int(wanted) < len(partitions) {
		return int(wanted)
	}
	return b.byKey.Balance(m, partitions...)
}
