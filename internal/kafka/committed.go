package kafka

import (
	"slices"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// committed returns the records of a response that count, from offset on, and the position after them. Aborted
// records are dropped and the markers of transactions stepped over, so that the position reaches the end of the
// partition whatever stands there. On an error, what came before it is returned too.
func (f fetched) committed(offset int64) (messages []wire.Message, position int64, err error) {
	filter := newAbortFilter(f.aborted)
	position = offset
	for data := f.records; ; {
		b, rest, ok, err := nextBatch(data)
		if err != nil || !ok {
			return messages, position, err
		}
		data = rest
		counts, err := filter.passes(b)
		if err != nil {
			return messages, position, err
		}
		if b.last < offset {
			continue // the broker may begin earlier than asked
		}
		if counts {
			more, err := b.messages(offset)
			if err != nil {
				return messages, position, err
			}
			messages = append(messages, more...)
		}
		position = b.last + 1
	}
}

// abortFilter follows which producers are inside an aborted transaction, batch by batch.
type abortFilter struct {
	ahead   []abortedTransaction // by first offset
	aborted map[int64]bool       // producers
}

func newAbortFilter(transactions []abortedTransaction) *abortFilter {
	ahead := slices.Clone(transactions)
	slices.SortFunc(ahead, func(a, b abortedTransaction) int { return int(min(max(a.first-b.first, -1), 1)) })
	return &abortFilter{ahead: ahead, aborted: map[int64]bool{}}
}

// passes says whether the batch's records count.
func (f *abortFilter) passes(b batch) (bool, error) {
	for len(f.ahead) > 0 && f.ahead[0].first <= b.last {
		f.aborted[f.ahead[0].producer] = true
		f.ahead = f.ahead[1:]
	}
	if b.attributes&control != 0 {
		aborts, err := b.aborts()
		if aborts {
			delete(f.aborted, b.producer)
		}
		return false, err
	}
	return b.attributes&transactional == 0 || !f.aborted[b.producer], nil
}
