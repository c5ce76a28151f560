package kafka

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go/compress"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Layout of a record batch. Source: "Record Batch" in the documentation of Kafka's message format, magic 2.
const (
	batchHead       = 12 // base offset and length, which the length does not count
	batchMinimum    = 49 // the rest of the header
	crcStart        = 9  // after leader epoch, magic and checksum
	batchMagic      = 2
	compressionBits = 0x07
	transactional   = 0x10
	control         = 0x20
	maxUnpacked     = 64 << 20 // bytes of one batch after decompression
	abortMarker     = 0        // type of the control record that ends an aborted transaction
)

var (
	errFormat  = errors.New("record batch is not readable")
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// batch is one record batch, its records still packed.
type batch struct {
	base       int64
	last       int64 // the offset of its last record, also where that was compacted away
	attributes int16
	firstTime  int64 // milliseconds
	maxTime    int64
	producer   int64
	count      int
	packed     []byte
}

// nextBatch takes one batch from data. ok is false when only a part of one is left, as brokers may send.
func nextBatch(data []byte) (b batch, rest []byte, ok bool, err error) {
	c := &cursor{data: data}
	b.base = c.int64()
	length := int(c.int32())
	if whole := c.err == nil && length <= len(c.data); !whole {
		return b, nil, false, nil
	}
	if length < batchMinimum {
		return b, nil, false, fmt.Errorf("%w: it has %d bytes at offset %d", errFormat, length, b.base)
	}
	body := c.take(length)
	rest = c.data
	c = &cursor{data: body}
	c.int32() // leader epoch
	magic, sum := c.int8(), uint32(c.int32())
	if magic != batchMagic {
		return b, nil, false, fmt.Errorf("%w: format %d at offset %d, not %d", errFormat, magic, b.base, batchMagic)
	}
	if crc32.Checksum(body[crcStart:], castagnoli) != sum {
		return b, nil, false, fmt.Errorf("%w: checksum differs at offset %d", errFormat, b.base)
	}
	b.attributes = c.int16()
	b.last = b.base + int64(c.int32())
	b.firstTime, b.maxTime, b.producer = c.int64(), c.int64(), c.int64()
	c.int16() // producer epoch
	c.int32() // base sequence
	b.count, b.packed = int(c.int32()), c.data
	return b, rest, true, c.err
}

// unpack returns the bytes of the records.
func (b batch) unpack() ([]byte, error) {
	kind := compress.Compression(b.attributes & compressionBits)
	if kind == compress.None {
		return b.packed, nil
	}
	codec := kind.Codec()
	if codec == nil {
		return nil, fmt.Errorf("%w: compression %d at offset %d", errFormat, kind, b.base)
	}
	r := codec.NewReader(bytes.NewReader(b.packed))
	data, err := io.ReadAll(io.LimitReader(r, maxUnpacked+1))
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	if err == nil && len(data) > maxUnpacked {
		err = fmt.Errorf("more than %d bytes", maxUnpacked)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: decompressing at offset %d: %w", errFormat, b.base, err)
	}
	return data, nil
}

// messages reads the records from offset on. They own their memory: the response may be let go.
func (b batch) messages(offset int64) ([]wire.Message, error) {
	data, err := b.unpack()
	if err != nil {
		return nil, err
	}
	c := &cursor{data: data}
	var messages []wire.Message
	for range b.count {
		m := (&cursor{data: c.varbytes(), err: c.err}).record(b)
		if m.err != nil {
			return nil, fmt.Errorf("%w: after offset %d: %w", errFormat, b.base, m.err)
		}
		if m.Offset >= offset {
			messages = append(messages, m.Message)
		}
	}
	return messages, nil
}

type readRecord struct {
	wire.Message
	err error
}

// record reads one record, whose bytes the cursor holds.
func (c *cursor) record(b batch) readRecord {
	c.int8() // attributes, unused
	millis := b.firstTime + c.varint()
	if b.attributes&0x08 != 0 { // the broker's time, for all records alike
		millis = b.maxTime
	}
	m := wire.Message{Offset: b.base + c.varint(), Time: time.UnixMilli(millis).UTC()}
	m.Key, m.Value = slices.Clone(c.varbytes()), slices.Clone(c.varbytes())
	n := c.varint()
	if n > int64(len(c.data)) && c.err == nil {
		c.err = errShort
	}
	for i := int64(0); i < n && c.err == nil; i++ {
		m.Headers = append(m.Headers, wire.Header{Key: string(c.varbytes()), Value: slices.Clone(c.varbytes())})
	}
	return readRecord{m, c.err}
}

// aborts says whether the batch is the marker that ends an aborted transaction.
func (b batch) aborts() (bool, error) {
	messages, err := b.messages(b.base)
	if err != nil || len(messages) == 0 {
		return false, err
	}
	c := &cursor{data: messages[0].Key}
	c.int16() // version
	return c.int16() == abortMarker, c.err
}
