package kafka_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// recorder is a sink that remembers everything.
type recorder struct {
	mu        sync.Mutex
	messages  []wire.Message
	positions map[int32]int64
	starts    map[int32]int64 // positions given by Reset
	changes   []kafka.Readability
	resets    []kafka.Reset
}

func newRecorder() *recorder {
	return &recorder{positions: map[int32]int64{}, starts: map[int32]int64{}}
}

func (r *recorder) Deliver(_ context.Context, m wire.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.messages = append(r.messages, m)
}

func (r *recorder) Advanced(partition int32, position int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.positions[partition] = position
}

func (r *recorder) Reset(partition int32, position int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.starts[partition], r.positions[partition] = position, position
}

func (r *recorder) readable(state kafka.Readability) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes = append(r.changes, state)
}

func (r *recorder) reset(reset kafka.Reset) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.resets = append(r.resets, reset)
}

// values returns what was delivered, in order.
func (r *recorder) values() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	values := make([]string, len(r.messages))
	for i, m := range r.messages {
		values[i] = string(m.Value)
	}
	return values
}

func (r *recorder) position(partition int32) int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.positions[partition]
}

// history returns the changes of readability as text, e.g. "readable, lost".
func (r *recorder) history() []bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	states := make([]bool, len(r.changes))
	for i, c := range r.changes {
		states[i] = c.OK()
	}
	return states
}

func connect(t testing.TB, brokers ...string) *kafka.Client {
	t.Helper()
	client, err := kafka.Connect(kafka.Config{
		Brokers: brokers, ClientID: "test", MetadataTTL: time.Second, DialTimeout: 2 * time.Second, RequestTimeout: 3 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// reading is a reader that runs.
type reading struct {
	*kafka.Reader
	*recorder
	stop func()
}

// read starts a reader that is quick in everything; the test's end stops it.
func read(t testing.TB, client *kafka.Client, topic, group string, change ...func(*kafka.ReaderConfig)) reading {
	t.Helper()
	rec := newRecorder()
	cfg := kafka.ReaderConfig{
		Topic: topic, Group: group, Sink: rec, OnReadable: rec.readable, OnReset: rec.reset,
		Wait: 100 * time.Millisecond, RefreshEvery: 200 * time.Millisecond, CommitEvery: 50 * time.Millisecond, BackoffAtMost: 500 * time.Millisecond,
	}
	for _, f := range change {
		f(&cfg)
	}
	reader := kafka.NewReader(client, cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- reader.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the reader ended with %v", err)
		}
	})
	t.Cleanup(stop)
	return reading{reader, rec, stop}
}

// say makes a message whose value is text.
func say(topic string, partition int32, text string) wire.Message {
	return wire.Message{Topic: topic, Partition: partition, Key: []byte("key"), Value: []byte(text)}
}

func saySome(topic string, partition int32, prefix string, n int) []wire.Message {
	messages := make([]wire.Message, n)
	for i := range messages {
		messages[i] = say(topic, partition, fmt.Sprintf("%s%d", prefix, i))
	}
	return messages
}

func (r reading) awaitValues(t testing.TB, n int) []string {
	t.Helper()
	kafkatest.Eventually(t, fmt.Sprintf("%d messages", n), func() bool { return len(r.values()) >= n })
	return r.values()
}

// awaitHeard waits until everything that is there now has been read.
func (r reading) awaitHeard(t testing.TB) {
	t.Helper()
	now := time.Now()
	kafkatest.Eventually(t, "silence to be heard", func() bool { return r.HeardUntil().After(now) })
}
