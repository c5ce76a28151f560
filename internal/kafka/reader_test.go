package kafka_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

func TestCommittedRecordsAreReadAndAbortedOnesAreNot(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 1)
	cluster.Produce(t, say(topic, 0, "plain"))
	cluster.Transact(t, true, saySome(topic, 0, "committed", 2)...)
	cluster.Transact(t, false, saySome(topic, 0, "aborted", 2)...)
	end := cluster.Begin(t, say(topic, 0, "late"))
	abort := cluster.Begin(t, say(topic, 0, "never"))
	cluster.Produce(t, say(topic, 0, "between"))
	abort(false)
	end(true)

	r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
	r.awaitHeard(t)
	want := []string{"plain", "committed0", "committed1", "late", "between"}
	if diff := cmp.Diff(want, r.values()); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if end := cluster.Ends(t, topic)[0]; r.position(0) != end {
		t.Errorf("the position is %d, the end behind the last marker is %d", r.position(0), end)
	}
}

func TestAnOpenTransactionHoldsSilenceBack(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 2)
	r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
	r.awaitHeard(t)
	end := cluster.Begin(t, say(topic, 0, "answer"))
	written := time.Now()
	cluster.Produce(t, say(topic, 0, "behind it"))
	for i := range 4 { // each shows that both partitions have been fetched once more
		cluster.Produce(t, say(topic, 1, "witness"))
		r.awaitValues(t, i+1)
	}
	if heard := r.HeardUntil(); heard.After(written) {
		t.Errorf("silence was heard %s after a reply that could not be read", heard.Sub(written))
	}
	end(true)
	r.awaitHeard(t)
	if diff := cmp.Diff([]string{"answer", "behind it"}, r.values()[4:]); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestCompressedRecordsAreReadWithHeadersAndTime(t *testing.T) {
	cluster := kafkatest.Start(t)
	for name, codec := range map[string]kgo.CompressionCodec{
		"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	} {
		t.Run(name, func(t *testing.T) {
			topic := cluster.Topic(t, 1)
			sent := saySome(topic, 0, "a text that repeats, repeats, repeats ", 50)
			for i := range sent {
				sent[i].Headers = []wire.Header{{Key: "ce_id", Value: []byte{byte(i)}}, {Key: "empty", Value: []byte{}}}
			}
			cluster.ProduceWith(t, []kgo.Opt{kgo.ProducerBatchCompression(codec)}, sent...)
			r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
			r.awaitValues(t, len(sent))
			for i, got := range r.messages {
				if age := time.Since(got.Time); age < -time.Minute || age > time.Minute {
					t.Fatalf("message %d has the time %s", i, got.Time)
				}
				want := sent[i]
				want.Offset, want.Time = int64(i), got.Time
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("message %d (-sent +read):\n%s", i, diff)
				}
			}
		})
	}
}

func TestAReaderGoesOnWhereTheGroupHasCommitted(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic, group := cluster.Topic(t, 2), kafkatest.Name("group")
	client := connect(t, cluster.Brokers...)
	cluster.Produce(t, append(saySome(topic, 0, "a", 3), say(topic, 1, "b"))...)

	first := read(t, client, topic, group)
	first.awaitValues(t, 4)
	first.Commit(0, 2)
	first.Commit(1, 1)
	first.stop() // commits what waits
	if diff := cmp.Diff(map[int32]int64{0: 2, 1: 1}, cluster.Committed(t, group, topic)); diff != "" {
		t.Fatalf("committed (-want +got):\n%s", diff)
	}

	second := read(t, client, topic, group)
	second.awaitHeard(t)
	if diff := cmp.Diff([]string{"a2"}, second.values()); diff != "" {
		t.Errorf("read after the restart (-want +got):\n%s", diff)
	}
}

func TestAPositionBeyondTheEndIsResetAndReported(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic, group := cluster.Topic(t, 1), kafkatest.Name("group")
	client := connect(t, cluster.Brokers...)
	cluster.Produce(t, saySome(topic, 0, "new", 2)...)
	first := read(t, client, topic, group)
	first.awaitValues(t, 2)
	first.Commit(0, 500) // what a topic of the same name had
	first.stop()

	second := read(t, client, topic, group)
	if diff := cmp.Diff([]string{"new0", "new1"}, second.awaitValues(t, 2)); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]kafka.Reset{{Partition: 0, From: 500, To: 0}}, second.resets); diff != "" {
		t.Errorf("reported (-want +got):\n%s", diff)
	}
	kafkatest.Eventually(t, "the new position to be committed", func() bool { return cluster.Committed(t, group, topic)[0] == 0 })
}

func TestATopicMadeAnewIsReadFromItsFirstRecordThoughTheCommittedOffsetExists(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic, group := cluster.Topic(t, 1), kafkatest.Name("group")
	client := connect(t, cluster.Brokers...)
	cluster.Produce(t, saySome(topic, 0, "old", 3)...)
	first := read(t, client, topic, group)
	first.awaitValues(t, 3)
	first.Commit(0, 3)
	first.stop()
	cluster.DeleteTopic(t, topic)
	cluster.CreateTopics(t, 1, topic)
	cluster.ProduceWith(t, nil, saySome(topic, 0, "new", 5)...)

	second := read(t, connect(t, cluster.Brokers...), topic, group)
	if got := second.awaitValues(t, 5); got[0] != "new0" || got[4] != "new4" {
		t.Errorf("read %q", got)
	}
}

func TestNewPartitionsAreRead(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 1)
	r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
	r.awaitHeard(t)
	cluster.AddPartitions(t, topic, 2)
	kafkatest.Eventually(t, "the producer to know the partitions", func() bool { return len(cluster.Ends(t, topic)) == 3 })
	cluster.ProduceWith(t, nil, say(topic, 2, "there"))
	if got := r.awaitValues(t, 1); got[0] != "there" || r.Partitions() != 3 {
		t.Errorf("read %q of %d partitions", got, r.Partitions())
	}
	if p, err := r.ReplyPartition("some uid"); err != nil || p < 0 || p > 2 {
		t.Errorf("a saga is answered on partition %d, %v", p, err)
	}
}

func TestSilenceIsHeardWhileTheTopicIsIdle(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 3)
	r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
	for range 3 {
		r.awaitHeard(t)
	}
	if since, ok := r.ReadableSince(); !ok || since.After(r.HeardUntil()) {
		t.Errorf("readable since %s, %t, heard until %s", since, ok, r.HeardUntil())
	}
	if diff := cmp.Diff([]bool{true}, r.history()); diff != "" {
		t.Errorf("changes of readability (-want +got):\n%s", diff)
	}
}

func TestSilenceIsHeardWhileThePartitionIsNeverIdle(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 1)
	r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				cluster.Produce(t, saySome(topic, 0, "x", 20)...)
			}
		}
	}()
	r.awaitHeard(t)
	r.awaitHeard(t)
	close(stop)
	<-stopped
}

func TestAPausedReaderFetchesNothingAndHearsNothing(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 1)
	r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
	witness := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
	r.awaitHeard(t)
	r.Pause()
	for range 3 {
		witness.awaitHeard(t) // the fetch that was under way ends meanwhile
	}
	paused := time.Now()
	cluster.Produce(t, say(topic, 0, "later"))
	witness.awaitValues(t, 1)
	witness.awaitHeard(t)
	if len(r.values()) != 0 || r.HeardUntil().After(paused) {
		t.Errorf("read %v, heard until %s after the pause", r.values(), r.HeardUntil().Sub(paused))
	}
	r.Resume()
	r.awaitValues(t, 1)
}

func TestCommitsAreCollectedAndRepeatedWhenIdle(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic, group := cluster.Topic(t, 1), kafkatest.Name("group")
	client := connect(t, cluster.Brokers...)
	cluster.Produce(t, saySome(topic, 0, "a", 10)...)
	r := read(t, client, topic, group, func(c *kafka.ReaderConfig) { c.RecommitEvery = 300 * time.Millisecond })
	r.awaitValues(t, 10)
	for position := range int64(11) {
		r.Commit(0, position)
	}
	committed := func(want int64) func() bool {
		return func() bool { return cluster.Committed(t, group, topic)[0] == want }
	}
	kafkatest.Eventually(t, "the last position to be committed", committed(10))
	other := read(t, client, topic, group)
	other.awaitHeard(t)
	other.Commit(0, 3)
	other.stop()
	kafkatest.Eventually(t, "the idle reader to commit again", committed(10))
}

func TestATopicThatIsMissingIsReadOnceItIsThere(t *testing.T) {
	t.Parallel() // it waits for the longest backoff
	cluster := kafkatest.Start(t)
	topic := kafkatest.Name("later")
	r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
	kafkatest.Eventually(t, "the reason to be known", func() bool { return r.Readability().Err != nil })
	cluster.CreateTopics(t, 1, topic)
	cluster.Produce(t, say(topic, 0, "hello"))
	r.awaitValues(t, 1)
	cluster.DeleteTopic(t, topic)
	kafkatest.Eventually(t, "the loss to be noticed", func() bool { return !r.Readability().OK() })
	cluster.CreateTopics(t, 1, topic)
	cluster.ProduceWith(t, nil, say(topic, 0, "anew"))
	if got := r.awaitValues(t, 2); got[1] != "anew" {
		t.Errorf("read %q from the topic that was made anew", got)
	}
}
