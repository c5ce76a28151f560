package deadletter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// topic takes letters, unless it is away or their value is refused.
type topic struct {
	mu      sync.Mutex
	away    bool
	refused map[string]bool
	taken   []string
}

func (d *topic) Send(_ context.Context, messages []wire.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away {
		return errors.New("no broker")
	}
	failed := map[int]error{}
	for i, m := range messages {
		if d.refused[string(m.Value)] {
			failed[i] = kafka.ErrRefused
			continue
		}
		d.taken = append(d.taken, string(m.Value))
	}
	if len(failed) > 0 {
		return &kafka.SendError{Failed: failed}
	}
	return nil
}

func (d *topic) change(how func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	how()
}

// run has a queue work until the test ends; tries are what it told of.
func run(t *testing.T, d *topic) (q *Queue, tries chan error) {
	t.Helper()
	tries = make(chan error, 1000)
	q = New(Config{Topic: "shop.saga.deadletters", Sender: d, Backoff: time.Millisecond, OnTry: func(err error) { tries <- err }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the queue ended with %v", err)
		}
	})
	return q, tries
}

func letter(value string, kept chan<- string) Letter {
	return Letter{Message: wire.Message{Value: []byte(value)}, Cause: wire.Cause{Reason: "r"}, Kept: func() { kept <- value }}
}

func TestLettersAreKeptInOrderOnceTheTopicTakesThem(t *testing.T) {
	d, kept := &topic{away: true}, make(chan string, 300)
	q, tries := run(t, d)
	var want []string
	for i := range 250 { // more than go at once
		want = append(want, fmt.Sprint(i))
		q.Add(letter(want[i], kept))
	}
	if err := <-tries; err == nil {
		t.Fatal("a topic that is away took letters")
	}
	d.change(func() { d.away = false })
	var got []string
	for range want {
		got = append(got, <-kept)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
}

func TestALetterThatIsRefusedStaysAndHoldsUpNoOther(t *testing.T) {
	d, kept := &topic{refused: map[string]bool{"a": true}}, make(chan string, 3)
	q, _ := run(t, d)
	for _, value := range []string{"a", "b", "c"} {
		q.Add(letter(value, kept))
	}
	if first, second := <-kept, <-kept; first != "b" || second != "c" {
		t.Errorf("kept %s and %s, want b and c", first, second)
	}
	d.change(func() { d.refused = nil })
	if last := <-kept; last != "a" {
		t.Errorf("kept %s, want a", last)
	}
}
