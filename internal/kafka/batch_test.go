package kafka

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pack makes a batch of records at base, of which the last one stands at base+reach: more than there are records
// where some were compacted away.
func pack(base int64, reach int32, attributes int16, producer int64, keys ...string) []byte {
	var records []byte
	for i, key := range keys {
		r := []byte{0}                       // attributes
		r = binary.AppendVarint(r, 0)        // time
		r = binary.AppendVarint(r, int64(i)) // offset
		r = append(binary.AppendVarint(r, int64(len(key))), key...)
		r = binary.AppendVarint(r, -1) // no value
		r = binary.AppendVarint(r, 0)  // no headers
		records = append(binary.AppendVarint(records, int64(len(r))), r...)
	}
	body := be16(nil, attributes)
	body = be32(body, reach)
	body = be64(be64(body, 0), 0)
	body = be16(be64(body, producer), 0)
	body = be32(body, 0, int32(len(keys)))
	body = append(body, records...)
	sum := crc32.Checksum(body, castagnoli)
	head := be32(be64(nil, base), int32(len(body)+crcStart), 0)
	head = append(head, batchMagic)
	return append(be32(head, int32(sum)), body...)
}

// marker makes the control batch that ends a transaction.
func marker(base, producer int64, commits bool) []byte {
	key := []byte{0, 0, 0, abortMarker}
	if commits {
		key[3] = 1
	}
	return pack(base, 0, control|transactional, producer, string(key))
}

func join(batches ...[]byte) (all []byte) {
	for _, b := range batches {
		all = append(all, b...)
	}
	return all
}

func TestThePositionPassesWhatIsNotDelivered(t *testing.T) {
	for name, row := range map[string]struct {
		from     int64
		records  []byte
		aborted  []abortedTransaction
		want     []int64
		position int64
	}{
		"nothing stands there":              {from: 7, position: 7},
		"plain records":                     {records: pack(0, 1, 0, -1, "a", "b"), want: []int64{0, 1}, position: 2},
		"a batch that begins earlier":       {from: 1, records: pack(0, 2, 0, -1, "a", "b", "c"), want: []int64{1, 2}, position: 3},
		"a batch whose tail was compacted":  {records: pack(0, 9, 0, -1, "a"), want: []int64{0}, position: 10},
		"a batch that was compacted away":   {records: pack(0, 4, 0, -1), position: 5},
		"a part of a batch at the end":      {records: join(pack(0, 0, 0, -1, "a"), pack(1, 0, 0, -1, "b")[:40]), want: []int64{0}, position: 1},
		"a committed transaction":           {records: join(pack(0, 0, transactional, 5, "a"), marker(1, 5, true)), want: []int64{0}, position: 2},
		"an aborted transaction":            {records: join(pack(0, 0, transactional, 5, "a"), marker(1, 5, false)), aborted: []abortedTransaction{{5, 0}}, position: 2},
		"only the marker":                   {from: 1, records: marker(1, 5, false), aborted: []abortedTransaction{{5, 0}}, position: 2},
		"another producer beside an abort":  {records: join(pack(0, 0, transactional, 5, "a"), pack(1, 0, 0, 6, "b"), marker(2, 5, false)), aborted: []abortedTransaction{{5, 0}}, want: []int64{1}, position: 3},
		"the same producer after its abort": {records: join(pack(0, 0, transactional, 5, "a"), marker(1, 5, false), pack(2, 0, transactional, 5, "b"), marker(3, 5, true)), aborted: []abortedTransaction{{5, 0}}, want: []int64{2}, position: 4},
		"two aborts of one producer, listed out of order": {records: join(
			pack(0, 0, transactional, 5, "a"), marker(1, 5, false), pack(2, 0, transactional, 5, "b"), marker(3, 5, false)),
			aborted: []abortedTransaction{{5, 2}, {5, 0}}, position: 4},
	} {
		t.Run(name, func(t *testing.T) {
			messages, position, err := fetched{records: row.records, aborted: row.aborted}.committed(row.from)
			var got []int64
			for _, m := range messages {
				got = append(got, m.Offset)
			}
			if diff := cmp.Diff(row.want, got); diff != "" || position != row.position || err != nil {
				t.Errorf("position %d, want %d; %v; offsets (-want +got):\n%s", position, row.position, err, diff)
			}
		})
	}
}

func TestADamagedBatchStopsTheReaderBehindWhatIsWhole(t *testing.T) {
	damaged := pack(1, 0, 0, -1, "b")
	damaged[len(damaged)-1] ^= 1
	old := pack(1, 0, 0, -1, "b")
	old[16] = 1
	strange := pack(1, 0, 7, -1, "b")
	for name, second := range map[string][]byte{"a wrong checksum": damaged, "an old format": old, "an unknown compression": strange} {
		t.Run(name, func(t *testing.T) {
			messages, position, err := fetched{records: join(pack(0, 0, 0, -1, "a"), second)}.committed(0)
			if len(messages) != 1 || position != 1 || !errors.Is(err, errFormat) {
				t.Errorf("%d messages, position %d, %v", len(messages), position, err)
			}
		})
	}
}

// FuzzFetchResponse feeds foreign bytes to the decoder: it must neither crash nor go backward.
func FuzzFetchResponse(f *testing.F) {
	f.Add(join(pack(0, 0, transactional, 5, "a"), marker(1, 5, false)), int64(0))
	f.Add(pack(3, 9, 0, -1, "a", "b"), int64(4))
	f.Fuzz(func(t *testing.T, data []byte, from int64) {
		messages, position, err := fetched{records: data, aborted: []abortedTransaction{{5, 0}}}.committed(from)
		if err == nil && position < from && len(messages) > 0 {
			t.Fatalf("from %d to %d with %d messages", from, position, len(messages))
		}
		for _, version := range []int16{oldestFetch, newestFetch} {
			if response, err := decodeFetch(data, version); err == nil && response == nil {
				t.Fatal("neither response nor error")
			}
		}
	})
}
