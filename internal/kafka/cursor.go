package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errShort means that a response or batch ends before its last field.
var errShort = errors.New("data ends too early")

// cursor reads the big-endian primitives of Kafka's protocol and keeps the first error; after it all are zero.
type cursor struct {
	data []byte
	err  error
}

// take returns the next n bytes, which alias the data.
func (c *cursor) take(n int) []byte {
	if c.err == nil && (n < 0 || n > len(c.data)) {
		c.err = errShort
	}
	if c.err != nil {
		return nil
	}
	taken := c.data[:n:n]
	c.data = c.data[n:]
	return taken
}

func (c *cursor) int8() int8 {
	if b := c.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (c *cursor) int16() int16 {
	if b := c.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (c *cursor) int32() int32 {
	if b := c.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) int64() int64 {
	if b := c.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// varint reads a zigzag-encoded number of variable length.
func (c *cursor) varint() int64 {
	if c.err != nil {
		return 0
	}
	value, n := binary.Varint(c.data)
	if n <= 0 {
		c.err = errShort
		return 0
	}
	c.data = c.data[n:]
	return value
}

// count reads the length of an array, of which each element takes at least one byte; -1 (null) is none.
func (c *cursor) count() int {
	n := int(c.int32())
	if n > len(c.data) && c.err == nil {
		c.err = fmt.Errorf("%w: an array of %d elements in %d bytes", errShort, n, len(c.data))
	}
	if c.err != nil || n < 0 {
		return 0
	}
	return n
}

// text reads a string with a length of two bytes.
func (c *cursor) text() string { return string(c.take(int(c.int16()))) }

// varbytes reads bytes with a length of variable size; null is nil.
func (c *cursor) varbytes() []byte {
	n := c.varint()
	if n < 0 || n > int64(len(c.data)) {
		if n >= 0 && c.err == nil {
			c.err = errShort
		}
		return nil
	}
	return c.take(int(n))
}

// uvarint reads an unsigned number of variable length.
func (c *cursor) uvarint() uint64 {
	if c.err != nil {
		return 0
	}
	value, n := binary.Uvarint(c.data)
	if n <= 0 {
		c.err = errShort
		return 0
	}
	c.data = c.data[n:]
	return value
}

// compact reads the length of a compact string or array, which is one more than it has; null is none.
func (c *cursor) compact() int {
	n := c.uvarint()
	if n > uint64(len(c.data))+1 && c.err == nil {
		c.err = errShort
	}
	if c.err != nil || n == 0 {
		return 0
	}
	return int(n - 1)
}

// tags steps over tagged fields.
func (c *cursor) tags() {
	for n := c.uvarint(); n > 0 && c.err == nil; n-- {
		c.uvarint() // which one
		c.take(int(min(c.uvarint(), uint64(len(c.data)+1))))
	}
}
