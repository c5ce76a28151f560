package replies

import (
	"slices"

	"github.com/sagas-dev/saga-operator/internal/unsettled"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// entry is one record that is not settled.
type entry struct {
	record *unsettled.Record
	reply  *wire.Reply // nil: it is no valid reply
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
