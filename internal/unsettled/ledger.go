// Package unsettled remembers which records of a topic have been read and are not settled yet, and so what may be
// committed: never the offset of a record whose effect is not stored.
package unsettled

import (
	"sync"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Source is the reader of the topic.
type Source interface {
	Commit(partition int32, position int64)
	Pause()
	Resume()
}

// Limits bound what may be unsettled before fetching pauses; it goes on at four fifths of both.
type Limits struct {
	Records int
	Bytes   int64
}

// Ledger keeps the unsettled records of one topic. Safe for concurrent use.
type Ledger struct {
	limits Limits

	mu       sync.Mutex
	source   Source
	trackers map[int32]*tracker
	records  int
	bytes    int64
	paused   bool
}

// New makes an empty ledger. Attach it to its reader before that runs.
func New(limits Limits) *Ledger {
	return &Ledger{limits: limits, trackers: map[int32]*tracker{}}
}

// Attach gives the ledger its reader.
func (l *Ledger) Attach(source Source) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.source = source
}

// Add takes in a record that the reader has delivered, and pauses fetching at the limits.
func (l *Ledger) Add(m wire.Message) *Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := &Record{Message: m, size: size(m)}
	l.tracker(m.Partition).add(r)
	l.records++
	l.bytes += r.size
	if !l.paused && (l.records >= l.limits.Records || l.bytes >= l.limits.Bytes) {
		l.paused = true
		l.source.Pause()
	}
	return r
}

// Advanced takes the reader's position, which may lie beyond the last record.
func (l *Ledger) Advanced(partition int32, position int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.tracker(partition)
	t.position = position
	l.commit(partition, t)
}

// Reset begins a partition at a position, whatever was before. What is unsettled of it stays so, and has no say in its
// offsets any more.
func (l *Ledger) Reset(partition int32, position int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trackers[partition] = newTracker(position)
}

// Settle says that the effects of records are stored, or that they never have any: their offsets may be committed. It
// returns those that were unsettled until now: settling again changes nothing.
func (l *Ledger) Settle(records ...*Record) (settled []*Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range records {
		if !r.tracker.remove(r) {
			continue
		}
		settled = append(settled, r)
		l.records--
		l.bytes -= r.size
		l.commit(r.Message.Partition, r.tracker)
	}
	if l.paused && l.records <= l.limits.Records*4/5 && l.bytes <= l.limits.Bytes*4/5 {
		l.paused = false
		l.source.Resume()
	}
	return settled
}

// Waiting returns how many records are not settled, and what they take, in bytes.
func (l *Ledger) Waiting() (records int, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records, l.bytes
}

func (l *Ledger) tracker(partition int32) *tracker {
	t := l.trackers[partition]
	if t == nil {
		t = newTracker(0)
		l.trackers[partition] = t
	}
	return t
}

// commit tells the reader what may be committed, where that has changed.
func (l *Ledger) commit(partition int32, t *tracker) {
	if t == l.trackers[partition] {
		if position, changed := t.commit(); changed {
			l.source.Commit(partition, position)
		}
	}
}
