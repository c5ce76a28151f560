package participant

import "sync"

// tracker knows up to where the messages of one partition are done, however out of order they end. The offsets of a
// partition rise but may have gaps.
type tracker struct {
	mu     sync.Mutex
	open   []int64        // offsets in hand, rising
	done   map[int64]bool // of open
	next   int64          // to be committed: everything before it is done; 0 says nothing is
	change chan struct{}  // holds a token while next may be ahead of what was committed
}

func newTracker() *tracker {
	return &tracker{done: map[int64]bool{}, change: make(chan struct{}, 1)}
}

// add takes a message in hand.
func (t *tracker) add(offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = append(t.open, offset)
}

// finish says that a message is answered.
func (t *tracker) finish(offset int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done[offset] = true
	before := t.next
	for len(t.open) > 0 && t.done[t.open[0]] {
		delete(t.done, t.open[0])
		t.next = t.open[0] + 1
		t.open = t.open[1:]
	}
	if t.next == before {
		return
	}
	select {
	case t.change <- struct{}{}:
	default: // a token is there already
	}
}

// position is the offset to commit: where a successor would have to read on. 0 says that nothing was finished.
func (t *tracker) position() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.next
}
