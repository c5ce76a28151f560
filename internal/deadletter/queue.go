// Package deadletter keeps messages that cannot be used on the installation's dead-letter topic, each until the broker has
// acknowledged it there.
package deadletter

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

const (
	atOnce     = 100 // letters of one call
	maxBackoff = kafka.MaxBackoff
)

// Sender sends messages; nil means that the broker has acknowledged them.
type Sender interface {
	Send(ctx context.Context, messages []wire.Message) error
}

// Letter is one message that is to be kept.
type Letter struct {
	Message wire.Message // as it was read
	Cause   wire.Cause
	Kept    func() // called once the broker has it; must not wait
}

// Config says what a queue works with.
type Config struct {
	Topic   string
	Sender  Sender
	Now     func() time.Time    // time.Now by default
	Backoff time.Duration       // before a letter is sent again at first; 100 ms by default
	OnDead  func(reason string) // called for every letter that was acknowledged; may be nil
	OnTry   func(err error)     // told how each try of Run ended, nil: well; must not wait; may be nil
	Log     logr.Logger
}

// Queue sends letters in the order they were added. What the broker has not acknowledged stays in it; who added it must
// be able to bring it again after a restart. Safe for concurrent use.
type Queue struct {
	cfg   Config
	added chan struct{}

	mu      sync.Mutex
	waiting []Letter
}

// New makes an empty queue; Run sends what is added to it.
func New(cfg Config) *Queue {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Backoff <= 0 {
		cfg.Backoff = 100 * time.Millisecond
	}
	return &Queue{cfg: cfg, added: make(chan struct{}, 1)}
}

// Add leaves a letter to Run. It never waits.
func (q *Queue) Add(letter Letter) {
	q.mu.Lock()
	q.waiting = append(q.waiting, letter)
	q.mu.Unlock()
	select {
	case q.added <- struct{}{}:
	default:
	}
}

// Run sends what was added until ctx is done.
func (q *Queue) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.added:
			q.drain(ctx)
		}
	}
}

func (q *Queue) drain(ctx context.Context) {
	backoff := q.cfg.Backoff
	for ctx.Err() == nil {
		batch := q.take()
		if len(batch) == 0 {
			return
		}
		left, errs := q.send(ctx, batch)
		q.putBack(left)
		if q.cfg.OnTry != nil && ctx.Err() == nil {
			q.cfg.OnTry(errors.Join(errs...))
		}
		if len(errs) == 0 {
			backoff = q.cfg.Backoff
			continue
		}
		q.cfg.Log.Info("Sending dead letters failed, trying again", "count", len(errs), "error", errs[0].Error())
		pause(ctx, backoff)
		backoff = min(2*backoff, maxBackoff)
	}
}

// take takes the first letters out of the queue.
func (q *Queue) take() []Letter {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := min(len(q.waiting), atOnce)
	batch := append([]Letter{}, q.waiting[:n]...)
	clear(q.waiting[:n])
	q.waiting = q.waiting[n:]
	return batch
}

// putBack returns letters to where they were.
func (q *Queue) putBack(letters []Letter) {
	if len(letters) == 0 {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(letters, q.waiting...)
}

// Send sends one letter at once, past the queue.
func (q *Queue) Send(ctx context.Context, letter Letter) error {
	_, errs := q.send(ctx, []Letter{letter})
	return errors.Join(errs...)
}

// send returns the letters that the broker has not acknowledged, and why.
func (q *Queue) send(ctx context.Context, batch []Letter) (left []Letter, errs []error) {
	now := q.cfg.Now()
	messages := make([]wire.Message, len(batch))
	for n, letter := range batch {
		messages[n] = wire.DeadLetter(letter.Message, q.cfg.Topic, letter.Cause, now)
	}
	err := q.cfg.Sender.Send(ctx, messages)
	var each *kafka.SendError
	byMessage := errors.As(err, &each)
	for n, letter := range batch {
		reason := err
		if byMessage {
			reason = each.Failed[n]
		}
		if reason != nil {
			left = append(left, letter)
			errs = append(errs, fmt.Errorf("keeping the message at partition %d, offset %d of %s as dead letter %s: %w",
				letter.Message.Partition, letter.Message.Offset, letter.Message.Topic, letter.Cause.Reason, reason))
			continue
		}
		if q.cfg.OnDead != nil {
			q.cfg.OnDead(letter.Cause.Reason)
		}
		letter.Kept() // last: who waits for it finds the letter counted
	}
	return left, errs
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
