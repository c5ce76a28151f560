package unsettled

import (
	"container/list"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Record is one record that was read.
type Record struct {
	Message wire.Message

	size    int64
	tracker *tracker
	place   *list.Element // nil once it is settled
}

// Size estimates what the record takes in memory, in bytes.
func (r *Record) Size() int64 { return r.size }

// overhead is what a record takes beside its bytes, roughly; what was decoded of it repeats the headers as strings.
const overhead = 512

// size estimates what a record takes in memory, in bytes.
func size(m wire.Message) int64 {
	headers := 0
	for _, h := range m.Headers {
		headers += len(h.Key) + 2*len(h.Value)
	}
	return int64(overhead + len(m.Key) + len(m.Value) + headers)
}

// tracker knows what may be committed of one partition. It keeps the unsettled records only, so that one that
// stays unsettled for long costs nothing for all that come after it.
type tracker struct {
	unsettled *list.List // of *Record, by offset
	position  int64      // the reader's
	committed int64      // what the reader was told last
}

func newTracker(position int64) *tracker {
	return &tracker{unsettled: list.New(), position: position, committed: position}
}

func (t *tracker) add(r *Record) {
	r.tracker = t
	r.place = t.unsettled.PushBack(r)
}

// remove says whether the record was unsettled until now.
func (t *tracker) remove(r *Record) bool {
	if r.place == nil {
		return false
	}
	t.unsettled.Remove(r.place)
	r.place = nil
	return true
}

// commit returns the offset of the first record that is not settled, or the reader's position where all are:
// transactions leave gaps, so 'the last settled offset and one' might stand at a record that is never delivered.
func (t *tracker) commit() (position int64, changed bool) {
	position = t.position
	if first := t.unsettled.Front(); first != nil {
		position = first.Value.(*Record).Message.Offset
	}
	changed = position != t.committed
	t.committed = position
	return position, changed
}
