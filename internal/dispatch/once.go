package dispatch

import (
	"context"
	"errors"
	"fmt"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// onceAtMost bounds what waits to be sent once while nothing may leave yet.
const onceAtMost = 10_000

var errTooMany = errors.New("too much waits to be sent once")

// Once sends messages in one try each, ahead of what was offered: what the broker does not acknowledge then, or what a crash
// comes before, is lost. Whoever calls it has just stored that they are sent, and never calls it again with them.
func (b *Outbox) Once(saga Saga, items []Item) {
	for _, item := range items {
		if !b.enqueueOnce(&entry{saga: saga, item: item}) {
			b.lost(saga, item, fmt.Errorf("%w: %d messages", errTooMany, onceAtMost))
		}
	}
	b.nudge()
}

func (b *Outbox) enqueueOnce(e *entry) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.once) >= onceAtMost {
		return false
	}
	b.once = append(b.once, e)
	return true
}

// sendOnce sends what waits for its one try.
func (b *Outbox) sendOnce(ctx context.Context) {
	for ctx.Err() == nil {
		batch := b.takeOnce()
		if len(batch) == 0 {
			return
		}
		messages := make([]wire.Message, len(batch))
		for i, e := range batch {
			messages[i] = e.item.Message
		}
		err := b.o.Producer.Send(ctx, messages)
		for i, e := range batch {
			failure := errorOf(err, i)
			b.trouble(e.item.Message.Topic, failure)
			if failure != nil {
				b.lost(e.saga, e.item, failure)
				continue
			}
			b.o.Metrics.sent(e.item.Backward)
		}
	}
}

func (b *Outbox) takeOnce() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	batch := b.once[:min(len(b.once), b.o.Batch)]
	if b.once = b.once[len(batch):]; len(b.once) == 0 {
		b.once = nil
	}
	return batch
}

func (b *Outbox) lost(saga Saga, item Item, err error) {
	b.o.Metrics.lostOnce()
	if b.o.Lost != nil {
		b.o.Lost(saga, item, err)
	}
}
