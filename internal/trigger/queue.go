package trigger

import (
	"context"
	"sync"
)

// queue holds what is to be started, in the order it was read. It is bounded by what may be unsettled.
type queue struct {
	pushed chan struct{}

	mu    sync.Mutex
	items []item
}

func newQueue() queue { return queue{pushed: make(chan struct{}, 1)} }

func (q *queue) push(i item) {
	q.mu.Lock()
	q.items = append(q.items, i)
	q.mu.Unlock()
	select {
	case q.pushed <- struct{}{}:
	default:
	}
}

// pop returns the first item and waits until there is one; false: ctx was done before.
func (q *queue) pop(ctx context.Context) (item, bool) {
	for ctx.Err() == nil {
		q.mu.Lock()
		if len(q.items) > 0 {
			first := q.items[0]
			q.items[0] = item{}
			q.items = q.items[1:]
			q.mu.Unlock()
			return first, true
		}
		q.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-q.pushed:
		}
	}
	return item{}, false
}
