package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

func newProducer(t testing.TB, client *kafka.Client) *kafka.Producer {
	t.Helper()
	p := kafka.NewProducer(client)
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("closing the producer: %v", err)
		}
	})
	return p
}

func keyed(topic, key, value string) wire.Message {
	return wire.Message{Topic: topic, Partition: -1, Key: []byte(key), Value: []byte(value), Headers: []wire.Header{{Key: "ce_id", Value: []byte(value)}}}
}

func TestMessagesGoToThePartitionOfTheirKeyOrTheOneTheyName(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 3)
	p := newProducer(t, connect(t, cluster.Brokers...))
	named := keyed(topic, "key", "named")
	named.Partition = 1
	beyond := keyed(topic, "key", "beyond")
	beyond.Partition = 7
	if err := p.Send(t.Context(), []wire.Message{keyed(topic, "key", "hashed"), named, beyond}); err != nil {
		t.Fatal(err)
	}
	byOthers := []kgo.Opt{kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil))} // hashes keys as the Java client does
	cluster.ProduceWith(t, byOthers, keyed(topic, "key", "by others"))
	on := map[string]int32{}
	for _, m := range cluster.Consume(t, topic, 4) {
		on[string(m.Value)] = m.Partition
		if string(m.Headers[0].Value) != string(m.Value) {
			t.Errorf("%s has the headers %v", m.Value, m.Headers)
		}
	}
	theirs := on["by others"]
	if diff := cmp.Diff(map[string]int32{"by others": theirs, "hashed": theirs, "beyond": theirs, "named": 1}, on); diff != "" {
		t.Errorf("partitions (-want +got):\n%s", diff)
	}
}

func TestAMissingTopicFailsOnlyItsOwnMessages(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic, missing := cluster.Topic(t, 1), kafkatest.Name("missing")
	p := newProducer(t, connect(t, cluster.Brokers...))
	err := p.Send(t.Context(), []wire.Message{keyed(topic, "k", "first"), keyed(missing, "k", "lost"), keyed(topic, "k", "second")})
	var failure *kafka.SendError
	if !errors.As(err, &failure) || len(failure.Failed) != 1 || !errors.Is(failure.Failed[1], kafka.ErrTopicMissing) {
		t.Fatalf("got %v, want only message 1 to fail for its topic", err)
	}
	if got := cluster.Consume(t, topic, 2); string(got[0].Value) != "first" || string(got[1].Value) != "second" {
		t.Errorf("read %s, %s", got[0].Value, got[1].Value)
	}
	cluster.CreateTopics(t, 1, missing)
	kafkatest.Eventually(t, "the new topic to be noticed", func() bool {
		return p.Send(t.Context(), []wire.Message{keyed(missing, "k", "found")}) == nil
	})
}

func TestATopicThatWasMadeAMomentAgoTakesMessagesAtOnce(t *testing.T) {
	cluster := kafkatest.Start(t)
	old, fresh := cluster.Topic(t, 1), kafkatest.Name("fresh")
	client, err := kafka.Connect(kafka.Config{Brokers: cluster.Brokers, ClientID: "test", MetadataTTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	p := newProducer(t, client)
	if err := p.Send(t.Context(), []wire.Message{keyed(old, "k", "first")}); err != nil {
		t.Fatal(err)
	}
	cluster.CreateTopics(t, 1, fresh)
	if err := p.Send(t.Context(), []wire.Message{keyed(fresh, "k", "second")}); err != nil {
		t.Errorf("the picture of topics from before it was made counts for more than the broker: %v", err)
	}
}

func TestAMessageThatIsTooLargeIsRefused(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 1)
	p := newProducer(t, connect(t, cluster.Brokers...))
	large := keyed(topic, "k", "large")
	large.Value = make([]byte, 2<<20)
	if err := p.Send(t.Context(), []wire.Message{large, keyed(topic, "k", "small")}); !errors.Is(err, kafka.ErrRefused) {
		t.Errorf("got %v", err)
	}
	cluster.Consume(t, topic, 1)
}

func TestABrokerThatNeverWasThereIsAnErrorNotACrash(t *testing.T) {
	client := connect(t, fmt.Sprintf("127.0.0.1:%d", kafkatest.FreePort(t)))
	p := newProducer(t, client)
	if err := p.Send(t.Context(), []wire.Message{keyed("topic", "k", "v")}); !errors.Is(err, kafka.ErrUnavailable) {
		t.Errorf("sending: got %v", err)
	}
	if _, err := client.Topics(t.Context(), "topic"); !errors.Is(err, kafka.ErrUnavailable) {
		t.Errorf("looking at topics: got %v", err)
	}
	r := read(t, client, "topic", "group")
	kafkatest.Eventually(t, "the reason to be known", func() bool { return errors.Is(r.Readability().Err, kafka.ErrUnavailable) })
}

func TestManyCallersShareBatchesAndKeepTheirOrder(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 3)
	p := newProducer(t, connect(t, cluster.Brokers...))
	const callers, each = 50, 20
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	var all sync.WaitGroup
	started := time.Now()
	for caller := range callers {
		all.Go(func() {
			for i := range each {
				if err := p.Send(ctx, []wire.Message{keyed(topic, fmt.Sprint(caller), fmt.Sprintf("%d/%d", caller, i))}); err != nil {
					t.Errorf("caller %d: %v", caller, err)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%.0f messages/s", callers*each/time.Since(started).Seconds())
	next := map[string]int{}
	for _, m := range cluster.Consume(t, topic, callers*each) {
		caller := string(m.Key)
		if want := fmt.Sprintf("%s/%d", caller, next[caller]); string(m.Value) != want {
			t.Fatalf("read %s, want %s", m.Value, want)
		}
		next[caller]++
	}
}
