package events

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// manager is what a manager has at this edge; stop ends it as a kill would, but for the last commit.
type manager struct {
	*Hub
	t    *testing.T
	stop func()
}

// serve starts a manager that reads payment's events from topic, in that group.
func serve(t *testing.T, brokers []string, group, topic string) *manager {
	t.Helper()
	client, err := kafka.Connect(kafka.Config{Brokers: brokers, ClientID: "test", DialTimeout: time.Second, RequestTimeout: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	producer := kafka.NewProducer(client)
	m := &manager{t: t}
	m.Hub = New(Config{
		Open: func(topic string, sink kafka.Sink) Source {
			return kafka.NewReader(client, kafka.ReaderConfig{
				Topic: topic, Group: group, Sink: sink, Begin: kafka.Begin{Latest: true}, Wait: 100 * time.Millisecond, CommitEvery: 20 * time.Millisecond,
				RefreshEvery: 200 * time.Millisecond, BackoffAtMost: 200 * time.Millisecond,
			})
		},
		Dead: deadletter.New(deadletter.Config{Topic: "none", Sender: producer}), Wake: func(string, string) {},
	})
	p := picture()
	p.Participants[0].Topic = topic
	m.Know(p)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- m.Run(ctx) }()
	stopped := false
	m.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for _, err := range []error{<-ended, producer.Close()} {
			if err != nil {
				t.Errorf("stopping: %v", err)
			}
		}
		client.Close()
	}
	t.Cleanup(m.stop)
	return m
}

// reads waits until the topic is read to its end.
func (m *manager) reads(topic string) {
	m.t.Helper()
	since := time.Now()
	kafkatest.Eventually(m.t, "the topic to be read", func() bool {
		heard := m.Heard()[topic]
		return !heard.ReadableSince.IsZero() && heard.Until.After(since)
	})
}

func payment(topic, id, key string) wire.Message {
	return wire.Message{Topic: topic, Key: []byte(key), Value: []byte(`{}`), Headers: []wire.Header{
		{Key: wire.HeaderSpecVersion, Value: []byte("1.0")}, {Key: wire.HeaderID, Value: []byte(id)}, {Key: wire.HeaderSource, Value: []byte("/payment")},
		{Key: wire.HeaderType, Value: []byte("payment.received")}, {Key: wire.HeaderCorrelationID, Value: []byte(key)},
	}}
}

func TestEventsAreReadFromWhenSomebodyListensAndAgainUntilTheyAreSettled(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic, group := cluster.Topic(t, 1), kafkatest.Name("shop")
	cluster.Produce(t, payment(topic, "before", "o-1"))

	first := serve(t, cluster.Brokers, group, topic)
	first.Expect(nil)
	first.reads(topic)
	cluster.Produce(t, wire.Message{Topic: topic, Value: []byte("somebody else's")})
	cluster.Transact(t, true, payment(topic, "e-1", "o-1"), payment(topic, "e-2", "o-2")) // and its marker
	waits := func(m *manager, name, key string) []Delivery { return m.Listen(saga(name, "1", key)) }
	kafkatest.Eventually(t, "both events", func() bool { return len(waits(first, "a", "o-1")) == 1 && len(waits(first, "b", "o-2")) == 1 })
	first.Settle(waits(first, "b", "o-2")...)
	first.stop()

	second := serve(t, cluster.Brokers, group, topic)
	second.Expect(nil)
	second.reads(topic)
	got := waits(second, "a", "o-1")
	if len(got) != 1 || got[0].Event.ID != "e-1" {
		t.Fatalf("after the restart a has %v", ids(got))
	}
	second.Settle(got...)
	second.Settle(waits(second, "b", "o-2")...)
	end := cluster.Ends(t, topic)[0]
	kafkatest.Eventually(t, fmt.Sprintf("offset %d behind the marker to be committed", end), func() bool {
		return cluster.Committed(t, group, topic)[0] == end
	})
}

func TestEventsAreNotHeardWhileTheBrokerIsAway(t *testing.T) {
	broker := kafkatest.StartMortal(t)
	cluster := kafkatest.Use(t, broker.Addr())
	topic := cluster.Topic(t, 1)
	m := serve(t, cluster.Brokers, kafkatest.Name("shop"), topic)
	m.Expect(nil)
	m.reads(topic)
	before := m.Heard()[topic].ReadableSince
	broker.Kill(t)
	kafkatest.Eventually(t, "the outage to be noticed", func() bool { return m.Heard()[topic].ReadableSince.IsZero() })
	away := time.Now()
	if until := m.Heard()[topic].Until; until.After(away) {
		t.Fatalf("heard until %s although the broker is away", until)
	}
	broker.Restart(t)
	m.reads(topic)
	if since := m.Heard()[topic].ReadableSince; !since.After(before) {
		t.Fatalf("readable since %s, as if there had been no outage", since)
	}
	cluster.Produce(t, payment(topic, "e-1", "o-1"))
	kafkatest.Eventually(t, "the event after the outage", func() bool { return len(m.Listen(saga("a", "1", "o-1"))) == 1 })
}
