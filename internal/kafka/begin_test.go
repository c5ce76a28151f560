package kafka_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

func from(begin kafka.Begin) func(*kafka.ReaderConfig) {
	return func(c *kafka.ReaderConfig) { c.Begin = begin }
}

func TestAGroupThatHasCommittedNothingBeginsWhereItIsTold(t *testing.T) {
	cluster := kafkatest.Start(t)
	noon := time.Now().Add(-time.Hour).UTC().Truncate(time.Second)
	for name, test := range map[string]struct {
		begin kafka.Begin
		want  []string
	}{
		"at the first record":                  {kafka.Begin{}, []string{"early", "noon", "late", "new"}},
		"at the end":                           {kafka.Begin{Latest: true}, []string{"new"}},
		"at a time":                            {kafka.Begin{At: noon}, []string{"noon", "late", "new"}},
		"at a time before all of them":         {kafka.Begin{At: noon.Add(-24 * time.Hour)}, []string{"early", "noon", "late", "new"}},
		"at a time after all of them, the end": {kafka.Begin{At: noon.Add(48 * time.Hour)}, []string{"new"}},
	} {
		t.Run(name, func(t *testing.T) {
			topic := cluster.Topic(t, 1)
			for i, text := range []string{"early", "noon", "late"} {
				m := say(topic, 0, text)
				m.Time = noon.Add(time.Duration(i-1) * time.Minute)
				cluster.Produce(t, m)
			}
			r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"), from(test.begin))
			r.awaitHeard(t)
			cluster.Produce(t, say(topic, 0, "new"))
			if diff := cmp.Diff(test.want, r.awaitValues(t, len(test.want))); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhereAReaderBeganIsKeptBeforeAnythingIsRead(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic, group := cluster.Topic(t, 1), kafkatest.Name("group")
	client := connect(t, cluster.Brokers...)
	cluster.Produce(t, say(topic, 0, "old"))
	first := read(t, client, topic, group, from(kafka.Begin{Latest: true}))
	first.awaitHeard(t)
	first.stop() // it has settled nothing
	if at, ok := cluster.Committed(t, group, topic)[0]; !ok || at != 1 {
		t.Fatalf("committed is %d, %v; want the end that was found, 1", at, ok)
	}
	cluster.Produce(t, say(topic, 0, "while nobody reads"))
	second := read(t, client, topic, group, from(kafka.Begin{Latest: true}))
	if diff := cmp.Diff([]string{"while nobody reads"}, second.awaitValues(t, 1)); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestAPartitionThatIsAddedIsReadFromItsFirstRecordWhereverTheTopicBegan(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic, group := cluster.Topic(t, 1), kafkatest.Name("group")
	client := connect(t, cluster.Brokers...)
	first := read(t, client, topic, group, from(kafka.Begin{Latest: true}))
	first.awaitHeard(t)
	first.stop()
	cluster.AddPartitions(t, topic, 1)
	cluster.Produce(t, say(topic, 1, "in the new partition"))
	second := read(t, client, topic, group, from(kafka.Begin{Latest: true}))
	if diff := cmp.Diff([]string{"in the new partition"}, second.awaitValues(t, 1)); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

func TestTheLagIsWhatIsNotSettledAndWhatIsNotRead(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := cluster.Topic(t, 2)
	cluster.Produce(t, append(saySome(topic, 0, "a", 3), saySome(topic, 1, "b", 2)...)...)
	r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"))
	r.awaitValues(t, 5)
	lag := func(want int64) {
		t.Helper()
		if got, err := r.Lag(context.Background()); err != nil || got != want {
			t.Errorf("lag is %d, %v; want %d", got, err, want)
		}
	}
	lag(5)
	r.Commit(0, 2)
	lag(3)
	r.Pause()
	cluster.Produce(t, say(topic, 1, "b2"))
	lag(4)
}

func TestAReaderTellsWhatKeepsItFromReadingOncePerKind(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic := kafkatest.Name("late")
	var mu sync.Mutex
	var told []error
	r := read(t, connect(t, cluster.Brokers...), topic, kafkatest.Name("group"), func(c *kafka.ReaderConfig) {
		c.OnTrouble = func(err error) { mu.Lock(); defer mu.Unlock(); told = append(told, err) }
	})
	count := func() int { mu.Lock(); defer mu.Unlock(); return len(told) }
	kafkatest.Eventually(t, "word of the missing topic", func() bool { return count() == 1 })
	cluster.CreateTopics(t, 1, topic)
	r.awaitHeard(t)
	r.stop()
	if count() != 2 || !errors.Is(told[0], kafka.ErrTopicMissing) || told[1] != nil {
		t.Errorf("told %v; want that the topic is missing, and then that nothing is", told)
	}
}
