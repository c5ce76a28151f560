package participanttest

import (
	"context"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/sagas-dev/saga-operator/participant"
)

// Patience is how long the operator waits for what has to happen.
const Patience = 30 * time.Second

// Operator sends commands and reads answers through a broker of its own.
type Operator struct {
	Broker  *kfake.Cluster // to make it fail, and the like
	writer  *kafka.Writer
	readers []*kafka.Reader
	replies chan participant.Message
}

// Start starts an embedded broker with the topics, two partitions each, and one for replies. Everything ends with t.
func Start(t testing.TB, topics ...string) *Operator {
	t.Helper()
	return StartAt(t, 0, topics...)
}

// StartAt is Start with the broker's port on 127.0.0.1; 0 takes any.
func StartAt(t testing.TB, port int, topics ...string) *Operator {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.Ports(port), kfake.SeedTopics(2, append(topics, Replies)...),
		kfake.GroupMinSessionTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatalf("starting the embedded broker: %v", err)
	}
	transport := &kafka.Transport{}
	o := &Operator{Broker: cluster, replies: make(chan participant.Message, 10_000), writer: &kafka.Writer{
		Addr: kafka.TCP(cluster.ListenAddrs()...), Balancer: kafka.Murmur2Balancer{}, RequiredAcks: kafka.RequireAll,
		BatchTimeout: time.Millisecond, Transport: transport,
	}}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{}, 2)
	for partition := range 2 {
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: cluster.ListenAddrs(), Topic: Replies, Partition: partition,
			MinBytes: 1, MaxBytes: 1 << 20, MaxWait: 100 * time.Millisecond})
		o.readers = append(o.readers, r)
		go func() {
			defer func() { ended <- struct{}{} }()
			o.read(ctx, t, r)
		}()
	}
	t.Cleanup(func() {
		cancel()
		for _, r := range o.readers {
			<-ended
			if err := r.Close(); err != nil {
				t.Errorf("closing a reader: %v", err)
			}
		}
		if err := o.writer.Close(); err != nil {
			t.Errorf("closing the writer: %v", err)
		}
		transport.CloseIdleConnections()
		cluster.Close()
	})
	return o
}

// Brokers are the embedded broker's addresses.
func (o *Operator) Brokers() []string { return o.Broker.ListenAddrs() }

func (o *Operator) read(ctx context.Context, t testing.TB, r *kafka.Reader) {
	for {
		m, err := r.FetchMessage(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			t.Errorf("reading replies: %v", err)
			return
		}
		o.replies <- received(m)
	}
}

// Send sends commands to topic, in this order.
func (o *Operator) Send(t testing.TB, topic string, asks ...Ask) {
	t.Helper()
	for _, a := range asks {
		o.SendMessage(t, a.Message(t, topic))
	}
}

// SendMessage sends any message, for what is no command.
func (o *Operator) SendMessage(t testing.TB, m participant.Message) {
	t.Helper()
	out := kafka.Message{Topic: m.Topic, Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := o.writer.WriteMessages(ctx, out); err != nil {
		t.Fatalf("sending to %s: %v", m.Topic, err)
	}
}

// Next waits for the next answer.
func (o *Operator) Next(t testing.TB) Answer {
	t.Helper()
	select {
	case reply := <-o.replies:
		return Read(t, reply)
	case <-time.After(Patience):
		t.Fatalf("no answer within %s", Patience)
		return Answer{}
	}
}

// Ask sends one command and waits for an answer to it; answers to others are dropped.
func (o *Operator) Ask(t testing.TB, topic string, a Ask) Answer {
	t.Helper()
	o.Send(t, topic, a)
	for {
		if answer := o.Next(t); answer.CommandID == a.ID() {
			return answer
		}
	}
}

// Written is how many messages topic has.
func (o *Operator) Written(t testing.TB, topic string) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	client := &kafka.Client{Addr: o.writer.Addr, Transport: o.writer.Transport}
	listed, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{
		topic: {kafka.LastOffsetOf(0), kafka.LastOffsetOf(1)}}})
	if err != nil {
		t.Fatalf("asking for the end of %s: %v", topic, err)
	}
	var n int64
	for _, p := range listed.Topics[topic] {
		if p.Error != nil {
			t.Fatalf("asking for the end of %s: %v", topic, p.Error)
		}
		n += p.LastOffset
	}
	return n
}
