package kafka

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Readability says whether silence on the reply topic means anything.
type Readability struct {
	Since time.Time // since when every partition has been readable without a break; zero: not all are
	Err   error     // why not; nil while all are, or before the first try
}

// OK says whether every partition is readable.
func (r Readability) OK() bool { return !r.Since.IsZero() }

// partition is what the reader knows of one. Its position belongs to the fetcher that reads it.
type partition struct {
	id       int32
	position int64
	backoff  time.Duration
	retryAt  time.Time // zero: now

	readable bool
	heard    time.Time // what stood in it then has been read
	mark     mark
}

// mark is an end that the partition had. Once the position has reached it, all that stood there at that time has
// been read. Without marks a partition that is written all the time would never count as read to its end.
type mark struct {
	at  time.Time // zero: none
	end int64
}

// hear takes in a fetch that started at that time and found the end of the partition.
func (p *partition) hear(started time.Time, end int64) {
	if p.position >= end {
		p.heard, p.mark = later(p.heard, started), mark{}
		return
	}
	if !p.mark.at.IsZero() && p.position >= p.mark.end {
		p.heard, p.mark = later(p.heard, p.mark.at), mark{}
	}
	if p.mark.at.IsZero() {
		p.mark = mark{at: started, end: end}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// board keeps the partitions and what follows from them. Changes are told outside of the lock, in order.
type board struct {
	now     func() time.Time
	change  func(Readability)
	trouble func(error)

	telling    sync.Mutex
	mu         sync.Mutex
	partitions map[int32]*partition
	state      Readability
	kind       error // of the trouble that was told last; nil: none, or that there is none
}

// update changes partitions under the lock, then finds out whether readability has changed and tells.
func (b *board) update(change func(map[int32]*partition) error) {
	b.telling.Lock()
	defer b.telling.Unlock()
	b.mu.Lock()
	err := change(b.partitions)
	before := b.state.OK()
	after := b.allReadable()
	switch {
	case !after && err != nil:
		b.state = Readability{Err: err}
	case !after && before:
		b.state = Readability{}
	case after && !before:
		b.state = Readability{Since: b.now()}
	}
	state, tell := b.state, b.newTrouble(err, before)
	b.mu.Unlock()
	if before != after && b.change != nil {
		b.change(state)
	}
	if tell && b.trouble != nil {
		b.trouble(state.Err)
	}
}

// newTrouble says whether what keeps partitions from being read is of another kind than before, or has passed.
func (b *board) newTrouble(err error, before bool) bool {
	switch {
	case b.state.OK():
		was := b.kind
		b.kind = nil
		return was != nil || !before
	case err == nil, errors.Is(err, context.Canceled):
		return false
	}
	kind := ErrUnavailable
	for _, known := range []error{ErrTopicMissing, ErrRefused} {
		if errors.Is(err, known) {
			kind = known
		}
	}
	was := b.kind
	b.kind = kind
	return was != kind //nolint:errorlint // the values themselves: nothing wraps them
}

func (b *board) allReadable() bool {
	for _, p := range b.partitions {
		if !p.readable {
			return false
		}
	}
	return len(b.partitions) > 0
}

func (b *board) readability() Readability {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

// heardUntil is the earliest of all partitions; zero until each has been read to an end once.
func (b *board) heardUntil() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	var earliest time.Time
	first := true
	for _, p := range b.partitions {
		if first || p.heard.Before(earliest) {
			earliest, first = p.heard, false
		}
	}
	return earliest
}

func (b *board) count() int32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return int32(len(b.partitions))
}
