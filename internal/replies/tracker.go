package replies

import (
	"container/list"
	"slices"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// entry is one record that is not settled.
type entry struct {
	message wire.Message
	reply   *wire.Reply // nil: it is no valid reply
	size    int64
	tracker *tracker
	place   *list.Element // nil once it is settled
}

// overhead is what an entry takes beside its bytes, roughly; the reply repeats the headers as strings.
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
	unsettled *list.List // of *entry, by offset
	position  int64      // the reader's
	committed int64      // what the reader was told last
}

func newTracker(position int64) *tracker {
	return &tracker{unsettled: list.New(), position: position, committed: position}
}

func (t *tracker) add(e *entry) {
	e.tracker = t
	e.place = t.unsettled.PushBack(e)
}

// remove says whether the entry was unsettled until now.
func (t *tracker) remove(e *entry) bool {
	if e.place == nil {
		return false
	}
	t.unsettled.Remove(e.place)
	e.place = nil
	return true
}

// commit returns the offset of the first record that is not settled, or the reader's position where all are:
// transactions leave gaps, so 'the last settled offset and one' might stand at a record that is never delivered.
func (t *tracker) commit() (position int64, changed bool) {
	position = t.position
	if first := t.unsettled.Front(); first != nil {
		position = first.Value.(*entry).message.Offset
	}
	changed = position != t.committed
	t.committed = position
	return position, changed
}

// index finds entries by a name, in the order they came.
type index map[string][]*entry

func (x index) add(name string, e *entry) { x[name] = append(x[name], e) }

func (x index) remove(name string, e *entry) {
	left := slices.DeleteFunc(x[name], func(other *entry) bool { return other == e })
	if len(left) == 0 {
		delete(x, name)
		return
	}
	x[name] = left
}

// deliveries returns the entries of a name as they are handed out.
func (x index) deliveries(name string) []Delivery {
	found := make([]Delivery, len(x[name]))
	for i, e := range x[name] {
		found[i] = Delivery{Reply: *e.reply, entry: e}
	}
	return found
}
