package devbroker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

func broker(t *testing.T) *Broker {
	t.Helper()
	b, err := Start(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.CreateTopics("stock.commands", "bank.commands"); err != nil {
		t.Fatal(err)
	}
	return b
}

// read reads a topic until the returned function is called.
func read(t *testing.T, b *Broker, options ...kgo.Opt) (stop func()) {
	t.Helper()
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(b.Addr()), kgo.FetchMaxWait(100*time.Millisecond))...)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			client.PollFetches(ctx)
		}
	}()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			<-done
			client.Close()
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestWhoReadsATopicIsSeen(t *testing.T) {
	for name, options := range map[string][]kgo.Opt{
		"a member of a consumer group": {kgo.ConsumerGroup("stock"), kgo.ConsumeTopics("stock.commands")},
		"a reader without a group":     {kgo.ConsumeTopics("stock.commands"), kgo.DisableFetchSessions()},
	} {
		t.Run(name, func(t *testing.T) {
			b := broker(t)
			if b.Read("stock.commands") {
				t.Fatal("somebody reads it before anybody does")
			}
			stop := read(t, b, options...)
			kafkatest.Eventually(t, "the reader to be seen", func() bool { return b.Read("stock.commands") })
			if b.Read("bank.commands") {
				t.Error("a topic that nobody reads counts as read")
			}
			stop()
			kafkatest.Eventually(t, "the reader to be missed", func() bool { return !b.Read("stock.commands") })
		})
	}
}

func TestTopicsAreMadeOnce(t *testing.T) {
	b := broker(t)
	if err := b.CreateTopics("stock.commands", "more"); err != nil {
		t.Fatal(err)
	}
	topics, err := kafka.Look(t.Context(), kafka.Config{Brokers: []string{b.Addr()}}, "stock.commands", "more", "gone")
	if err != nil {
		t.Fatal(err)
	}
	if topics["stock.commands"].Partitions != partitions || !topics["more"].Exists || topics["gone"].Exists {
		t.Errorf("the broker shows %+v", topics)
	}
}

func TestATakenPortIsNamed(t *testing.T) {
	port := kafkatest.FreePort(t)
	b, err := Start(port)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := Start(port); !errors.Is(err, ErrPortTaken) {
		t.Errorf("the error is %v", err)
	}
}
