package kafkatest

import (
	"context"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Produce writes messages to the partitions they name and waits for the acknowledgement.
func (c *Cluster) Produce(t testing.TB, messages ...wire.Message) {
	t.Helper()
	if err := c.client.ProduceSync(patient(t), records(messages)...).FirstErr(); err != nil {
		t.Fatalf("producing: %v", err)
	}
}

// ProduceWith does the same with another client's options, e.g. a compression.
func (c *Cluster) ProduceWith(t testing.TB, options []kgo.Opt, messages ...wire.Message) {
	t.Helper()
	client := c.producer(t, options...)
	defer client.Close()
	if err := client.ProduceSync(patient(t), records(messages)...).FirstErr(); err != nil {
		t.Fatalf("producing: %v", err)
	}
}

// Transact writes messages in one transaction and ends it; commit false aborts it.
func (c *Cluster) Transact(t testing.TB, commit bool, messages ...wire.Message) {
	t.Helper()
	c.Begin(t, messages...)(commit)
}

// Begin writes messages in a transaction and leaves it open; end commits or aborts it.
func (c *Cluster) Begin(t testing.TB, messages ...wire.Message) (end func(commit bool)) {
	t.Helper()
	client := c.producer(t, kgo.TransactionalID(Name("transaction")))
	if err := client.BeginTransaction(); err != nil {
		t.Fatalf("beginning a transaction: %v", err)
	}
	if err := client.ProduceSync(patient(t), records(messages)...).FirstErr(); err != nil {
		t.Fatalf("producing in a transaction: %v", err)
	}
	return func(commit bool) {
		t.Helper()
		defer client.Close()
		if err := client.EndTransaction(patient(t), kgo.TransactionEndTry(commit)); err != nil {
			t.Fatalf("ending a transaction: %v", err)
		}
	}
}

func (c *Cluster) producer(t testing.TB, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Consume reads the first n committed messages of the topic, whatever their partitions, and waits for them.
func (c *Cluster) Consume(t testing.TB, topic string, n int) []wire.Message {
	t.Helper()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(c.Brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	var messages []wire.Message
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	for len(messages) < n {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("read %d of %d messages from %s", len(messages), n, topic)
		}
		fetches.EachRecord(func(r *kgo.Record) { messages = append(messages, message(r)) })
	}
	return messages
}

func records(messages []wire.Message) []*kgo.Record {
	all := make([]*kgo.Record, len(messages))
	for i, m := range messages {
		all[i] = &kgo.Record{Topic: m.Topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Timestamp: m.Time}
		for _, h := range m.Headers {
			all[i].Headers = append(all[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
	}
	return all
}

func message(r *kgo.Record) wire.Message {
	m := wire.Message{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: r.Key, Value: r.Value, Time: r.Timestamp}
	for _, h := range r.Headers {
		m.Headers = append(m.Headers, wire.Header{Key: h.Key, Value: h.Value})
	}
	return m
}
