package replies

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// manager is what a manager has at this edge: a reader with its inbox, and a producer.
type manager struct {
	*Inbox
	reader *kafka.Reader
	stop   func()
}

// serve starts a manager of the installation; stop ends it as a kill would, but for the last commit.
func serve(t *testing.T, cluster *kafkatest.Cluster, d *desk, installation string) manager {
	t.Helper()
	client, err := kafka.Connect(kafka.Config{Brokers: cluster.Brokers, ClientID: "test"})
	if err != nil {
		t.Fatal(err)
	}
	producer := kafka.NewProducer(client)
	inbox := New(Config{Installation: installation, Keys: d.keys, Sender: producer})
	reader := kafka.NewReader(client, kafka.ReaderConfig{
		Topic: wire.RepliesTopic(installation), Group: installation, Sink: inbox, Wait: 100 * time.Millisecond, CommitEvery: 20 * time.Millisecond,
	})
	inbox.Attach(reader)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- reader.Run(ctx) }()
	go func() { ended <- inbox.Run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		for _, err := range []error{<-ended, <-ended, producer.Close()} {
			if err != nil {
				t.Errorf("stopping: %v", err)
			}
		}
		client.Close()
	}
	t.Cleanup(stop)
	return manager{inbox, reader, stop}
}

func TestAReplyIsReadAgainUntilItIsSettledAndAForgedOneIsKept(t *testing.T) {
	cluster := kafkatest.Start(t)
	installation := kafkatest.Name("shop")
	topic, dead := wire.RepliesTopic(installation), wire.DeadLettersTopic(installation)
	cluster.CreateTopics(t, 1, topic, dead)
	d := newDesk(t)
	var sent []wire.Message
	for i, uid := range []string{"a", "b", "a"} {
		m := d.answer(t, uid, int64(i))
		m.Topic = topic
		sent = append(sent, m)
	}
	forged := wire.Message{Topic: topic, Key: []byte("x"), Value: []byte("forged")}
	cluster.Produce(t, sent[0], forged)
	cluster.Transact(t, true, sent[1:]...) // and its marker

	first := serve(t, cluster, d, installation)
	kafkatest.Eventually(t, "all replies", func() bool { return len(first.Take("a")) == 2 && len(first.Take("b")) == 1 })
	letter := cluster.Consume(t, dead, 1)[0]
	got := map[string]string{}
	for _, h := range letter.Headers {
		got[h.Key] = string(h.Value)
	}
	delete(got, wire.HeaderDeadAt)
	want := map[string]string{
		wire.HeaderDeadReason: wire.ReasonMalformed, wire.HeaderDeadTopic: topic, wire.HeaderDeadPartition: "0", wire.HeaderDeadOffset: "1",
	}
	if diff := cmp.Diff(want, got); diff != "" || string(letter.Value) != "forged" {
		t.Errorf("dead letter %q (-want +got):\n%s", letter.Value, diff)
	}
	first.Settle(first.Take("b")...)
	first.stop()

	second := serve(t, cluster, d, installation)
	kafkatest.Eventually(t, "the replies that were not settled", func() bool { return len(second.Take("a")) == 2 })
	second.Settle(second.Take("a")...)
	second.Settle(second.Take("b")...)
	end := cluster.Ends(t, topic)[0]
	kafkatest.Eventually(t, fmt.Sprintf("offset %d behind the marker to be committed", end), func() bool {
		second.Settle(second.Take("b")...)
		return cluster.Committed(t, installation, topic)[0] == end
	})
	if records, bytes := second.Unsettled(); records != 0 || bytes != 0 {
		t.Errorf("%d records, %d bytes are left", records, bytes)
	}
}

func TestAnInstallationReadsOnWhileADeadLetterCannotBeKept(t *testing.T) {
	cluster := kafkatest.Start(t)
	installation := kafkatest.Name("shop")
	topic := wire.RepliesTopic(installation)
	cluster.CreateTopics(t, 1, topic) // and no topic for dead letters
	d := newDesk(t)
	reply := d.answer(t, "a", 1)
	reply.Topic = topic
	cluster.Produce(t, wire.Message{Topic: topic, Value: []byte("forged")}, reply)
	m := serve(t, cluster, d, installation)
	kafkatest.Eventually(t, "the reply behind the forged one", func() bool { return len(m.Take("a")) == 1 })
	m.Settle(m.Take("a")...)
	m.stop()
	if at, ok := cluster.Committed(t, installation, topic)[0]; ok && at != 0 {
		t.Errorf("offset %d is committed although the forged reply is kept nowhere", at)
	}
}
