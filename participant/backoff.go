package participant

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// backoff waits longer each time, from least to most, with half of it at random so that waiters do not march in step.
type backoff struct{ least, most, next time.Duration }

// pause waits, or returns the context's error as soon as it ends.
func (b *backoff) pause(ctx context.Context) error { return b.pauseUnless(ctx, nil) }

// pauseUnless is pause, but for a token in woken, which ends the pause and starts again from least.
func (b *backoff) pauseUnless(ctx context.Context, woken <-chan struct{}) error {
	b.next = min(max(b.least, 2*b.next), b.most)
	timer := time.NewTimer(b.next/2 + rand.N(b.next/2+1))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-woken:
		b.reset()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stopping: %w", context.Cause(ctx))
	}
}

// reset starts again from least.
func (b *backoff) reset() { b.next = 0 }
