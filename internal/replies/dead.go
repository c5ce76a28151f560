package replies

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

const (
	buryAtOnce = 100
	maxBackoff = kafka.MaxBackoff
)

// condemn leaves a record to Run, which sends it to the dead-letter topic. The reader does not wait for that.
func (i *Inbox) condemn(e *entry, reason string) {
	i.mu.Lock()
	i.dead = append(i.dead, doomed{e, reason})
	i.mu.Unlock()
	select {
	case i.condemned <- struct{}{}:
	default:
	}
}

// Run sends records that are no valid replies to the dead-letter topic until ctx is done. What the broker has not
// acknowledged stays unsettled, and so it is read again after a restart.
func (i *Inbox) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-i.condemned:
			i.drain(ctx)
		}
	}
}

func (i *Inbox) drain(ctx context.Context) {
	backoff := i.cfg.Backoff
	for ctx.Err() == nil {
		batch := i.nextDead()
		if len(batch) == 0 {
			return
		}
		if errs := i.bury(ctx, batch); len(errs) > 0 {
			i.cfg.Log.Info("Sending dead letters failed, trying again", "count", len(errs), "error", errs[0].Error())
			wait(ctx, backoff)
			backoff = min(2*backoff, maxBackoff)
			continue
		}
		backoff = i.cfg.Backoff
	}
}

// nextDead returns the first records that still wait for the dead-letter topic.
func (i *Inbox) nextDead() []doomed {
	i.mu.Lock()
	defer i.mu.Unlock()
	waiting := i.dead[:0]
	for _, d := range i.dead {
		if d.entry.place != nil {
			waiting = append(waiting, d)
		}
	}
	clear(i.dead[len(waiting):])
	i.dead = waiting
	return append([]doomed{}, waiting[:min(len(waiting), buryAtOnce)]...)
}

// bury sends dead letters and settles those that the broker has acknowledged. It returns why the others were not.
func (i *Inbox) bury(ctx context.Context, batch []doomed) []error {
	now := i.cfg.Now()
	messages := make([]wire.Message, len(batch))
	for n, d := range batch {
		messages[n] = wire.DeadLetter(d.entry.message, wire.DeadLettersTopic(i.cfg.Installation), d.reason, now)
	}
	err := i.cfg.Sender.Send(ctx, messages)
	var each *kafka.SendError
	byMessage := errors.As(err, &each)
	var buried []*entry
	var errs []error
	for n, d := range batch {
		reason := err
		if byMessage {
			reason = each.Failed[n]
		}
		if reason != nil {
			errs = append(errs, fmt.Errorf("keeping the reply at partition %d, offset %d as dead letter %s: %w",
				d.entry.message.Partition, d.entry.message.Offset, d.reason, reason))
			continue
		}
		buried = append(buried, d.entry)
		if i.cfg.OnDead != nil {
			i.cfg.OnDead(d.reason)
		}
	}
	i.settle(buried)
	return errs
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
