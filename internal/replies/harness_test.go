package replies

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// source is a reader that only remembers what it was told.
type source struct {
	mu        sync.Mutex
	committed map[int32][]int64
	paused    bool
	heard     time.Time
}

func (s *source) Commit(partition int32, position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed[partition] = append(s.committed[partition], position)
}

func (s *source) Pause()                           { s.set(true) }
func (s *source) Resume()                          { s.set(false) }
func (s *source) HeardUntil() time.Time            { return s.heard }
func (s *source) ReadableSince() (time.Time, bool) { return noon, !s.heard.IsZero() }

func (s *source) set(paused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = paused
}

// last is the position committed last, -1 for none.
func (s *source) last(partition int32) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.committed[partition]
	if len(all) == 0 {
		return -1
	}
	return all[len(all)-1]
}

// sender is a dead-letter topic that may be away, or refuse single messages.
type sender struct {
	mu     sync.Mutex
	away   bool
	refuse string // part of a value
	sent   []wire.Message
}

func (s *sender) Send(_ context.Context, messages []wire.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return errors.New("no broker")
	}
	failed := map[int]error{}
	for i, m := range messages {
		if s.refuse != "" && strings.Contains(string(m.Value), s.refuse) {
			failed[i] = kafka.ErrTopicMissing
			continue
		}
		s.sent = append(s.sent, m)
	}
	if len(failed) > 0 {
		return &kafka.SendError{Failed: failed}
	}
	return nil
}

func (s *sender) reasons() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var reasons []string
	for _, m := range s.sent {
		for _, h := range m.Headers {
			if h.Key == wire.HeaderDeadReason {
				reasons = append(reasons, string(h.Value))
			}
		}
	}
	return reasons
}

type desk struct {
	*Inbox
	source *source
	sender *sender
	keys   *wire.Keyring
	mu     sync.Mutex
	woken  []string
}

func newDesk(t testing.TB, change ...func(*Config)) *desk {
	t.Helper()
	keys, err := wire.NewKeyring([]byte(strings.Repeat("k", wire.MinKey)), nil)
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{source: &source{committed: map[int32][]int64{}}, sender: &sender{}, keys: keys}
	cfg := Config{Installation: "shop", Keys: keys, Sender: d.sender, Wake: d.wake, Now: func() time.Time { return noon }, Backoff: time.Millisecond}
	for _, f := range change {
		f(&cfg)
	}
	d.Inbox = New(cfg)
	d.Attach(d.source)
	return d
}

func (d *desk) wake(namespace, name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.woken = append(d.woken, namespace+"/"+name)
}

// run starts Run and ends it with the test.
func (d *desk) run(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the inbox ended with %v", err)
		}
	})
}

// answer makes a valid reply of a saga, as it is read at that offset of partition 0.
func (d *desk) answer(t testing.TB, uid string, offset int64) wire.Message {
	t.Helper()
	c := wire.Command{
		Saga: wire.Saga{Installation: "shop", UID: uid, Namespace: "orders", Name: "order-" + uid, IdempotencyKey: "shop/orders/" + uid},
		Step: "charge", Direction: wire.Forward, Round: 1, Attempt: 1, Type: "payment.charge",
	}
	c.ReplyToken = d.keys.Token(c)
	r := wire.ReplyTo(c)
	r.ID, r.Source, r.Outcome, r.Body = "answer", "/payment", wire.Succeeded, []byte(`{"uid":"`+uid+`"}`)
	m, err := wire.EncodeReply(r, "shop.saga.replies", 0)
	if err != nil {
		t.Fatal(err)
	}
	m.Offset = offset
	return m
}

// read delivers what the reader has found and moves its position behind it.
func (d *desk) read(messages ...wire.Message) {
	for _, m := range messages {
		d.Deliver(context.Background(), m)
		d.Advanced(m.Partition, m.Offset+1)
	}
}

func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
	}
}
