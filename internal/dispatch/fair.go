package dispatch

import (
	"container/heap"
	"time"
)

// undoSlots of every slots messages are for undoing, where both kinds wait.
const (
	slots     = 5
	undoSlots = 4
)

// fairQueue hands out what waits: undoing gets four of five slots, namespaces take turns, and within a namespace the
// older saga goes first. It is not safe for concurrent use.
type fairQueue struct {
	undo, do turns
	slot     int
	serial   int
}

func (q *fairQueue) push(e *entry) {
	q.serial++
	e.serial = q.serial
	q.of(e.item.Backward).push(e)
}

func (q *fairQueue) of(backward bool) *turns {
	if backward {
		return &q.undo
	}
	return &q.do
}

// pop returns the next entry, or nil. Without competition a kind takes all slots.
func (q *fairQueue) pop() *entry {
	first, second := &q.undo, &q.do
	if q.slot%slots >= undoSlots {
		first, second = second, first
	}
	q.slot++
	if e := first.pop(); e != nil {
		return e
	}
	return second.pop()
}

// turns lets namespaces take turns.
type turns struct {
	order []string
	of    map[string]*byAge
	next  int
}

func (t *turns) push(e *entry) {
	ns := e.saga.Namespace
	if t.of == nil {
		t.of = map[string]*byAge{}
	}
	if t.of[ns] == nil {
		t.of[ns] = &byAge{}
		t.order = append(t.order, ns)
	}
	heap.Push(t.of[ns], e)
}

func (t *turns) pop() *entry {
	for len(t.order) > 0 {
		t.next %= len(t.order)
		ns := t.order[t.next]
		waiting := t.of[ns]
		if waiting.Len() == 0 {
			delete(t.of, ns)
			t.order = append(t.order[:t.next], t.order[t.next+1:]...)
			continue
		}
		t.next++
		return heap.Pop(waiting).(*entry)
	}
	return nil
}

// byAge is a heap: the oldest saga first, and of one saga what came first.
type byAge []*entry

func (h byAge) Len() int { return len(h) }
func (h byAge) Less(i, j int) bool {
	if a, b := h[i].saga.Created, h[j].saga.Created; !a.Equal(b) {
		return a.Before(b)
	}
	return h[i].serial < h[j].serial
}
func (h byAge) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *byAge) Push(x any)   { *h = append(*h, x.(*entry)) }
func (h *byAge) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}

// parking keeps entries that cannot leave until it is worth another try, in lots that share a reason.
type parking map[string]*parked

type parked struct {
	until   time.Time
	entries []*entry
}

// park adds to a lot, whose time is that of its first entry: those that come after must not put it off for ever.
func (p parking) park(lot string, until time.Time, e *entry) {
	if p[lot] == nil {
		p[lot] = &parked{until: until}
	}
	p[lot].entries = append(p[lot].entries, e)
}

// release hands back the entries whose time has come, and says when the next ones are due (zero: none).
func (p parking) release(now time.Time, back func(*entry)) (next time.Time) {
	for name, lot := range p {
		if now.Before(lot.until) {
			if next.IsZero() || lot.until.Before(next) {
				next = lot.until
			}
			continue
		}
		for _, e := range lot.entries {
			back(e)
		}
		delete(p, name)
	}
	return next
}
