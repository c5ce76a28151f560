package kafka

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// The library's own decoder of fetched records keeps back how far a batch reaches. Behind records that were
// aborted or compacted away a reader would then stand still. So the request goes through the library's
// connections, and the bytes are written and read here. Source: the Fetch API of Kafka's protocol, versions 4-11.
const (
	fetchKey           = protocol.Fetch
	oldestFetch        = 4         // the first one with isolation levels
	newestFetch        = 11        // the last one without compact encodings
	readCommitted      = 1         // records of open and aborted transactions are not wanted
	maxResponse        = 256 << 20 // bytes; anything larger is no Kafka broker
	fetchBytes         = 4 << 20   // of all partitions together, unless one batch is larger
	partitionBytes     = 1 << 20
	oneCorrelation     = 1 // a connection carries one request at a time
	responseHeaderSize = 4
)

// fetchRequest asks one broker for the records of some partitions that it leads.
type fetchRequest struct {
	leader     int32
	clientID   string
	topic      string
	wait       time.Duration
	partitions []fetchPosition
	version    int16
}

type fetchPosition struct {
	partition int32
	offset    int64
}

// fetchResponse is what the broker has for each partition.
type fetchResponse struct{ partitions []fetched }

// fetched is the part of one partition. records holds whole batches and perhaps a part of one more.
type fetched struct {
	partition     int32
	code          kafka.Error
	highWatermark int64 // the end of what is replicated
	aborted       []abortedTransaction
	records       []byte
}

type abortedTransaction struct{ producer, first int64 }

// ApiKey says which API this is.
func (r *fetchRequest) ApiKey() protocol.ApiKey { return fetchKey }

// ApiKey says which API this answers.
func (r *fetchResponse) ApiKey() protocol.ApiKey { return fetchKey }

// Broker sends the request to the leader.
func (r *fetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	broker, ok := cluster.Brokers[r.leader]
	if !ok {
		return broker, fmt.Errorf("broker %d is not known", r.leader)
	}
	return broker, nil
}

// Required tells the library to leave writing and reading to RawExchange.
func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[fetchKey]
	return true
}

// RawExchange writes the request and reads the response.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < oldestFetch || r.version > newestFetch {
		return nil, fmt.Errorf("%w: it speaks version %d of the Fetch API, not %d to %d", ErrRefused, r.version, oldestFetch, newestFetch)
	}
	body, err := exchange(rw, r.encode())
	if err != nil {
		return nil, fmt.Errorf("exchanging a fetch: %w", err)
	}
	return decodeFetch(body, r.version)
}

// exchange writes a request, whose first four bytes are left for its size, and reads the response without its own.
func exchange(rw io.ReadWriter, request []byte) ([]byte, error) {
	binary.BigEndian.PutUint32(request, uint32(len(request)-4))
	if _, err := rw.Write(request); err != nil {
		return nil, err
	}
	var size [4]byte
	if _, err := io.ReadFull(rw, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < responseHeaderSize || n > maxResponse {
		return nil, fmt.Errorf("the response's size is %d bytes", n)
	}
	body := make([]byte, n)
	_, err := io.ReadFull(rw, body)
	return body, err
}

func (r *fetchRequest) encode() []byte {
	b := make([]byte, 4, 128+20*len(r.partitions))
	b = be16(b, int16(fetchKey), r.version)
	b = be32(b, oneCorrelation)
	b = appendText(b, r.clientID)
	b = be32(b, -1, int32(r.wait.Milliseconds()), 1, fetchBytes) // no replica; wait for one byte
	b = append(b, readCommitted)
	if r.version >= 7 {
		b = be32(b, 0, -1) // no session
	}
	b = be32(b, 1)
	b = appendText(b, r.topic)
	b = be32(b, int32(len(r.partitions)))
	for _, p := range r.partitions {
		b = be32(b, p.partition)
		if r.version >= 9 {
			b = be32(b, -1) // any leader epoch
		}
		b = be64(b, p.offset)
		if r.version >= 5 {
			b = be64(b, -1) // no log start: not a replica
		}
		b = be32(b, partitionBytes)
	}
	if r.version >= 7 {
		b = be32(b, 0) // nothing to forget
	}
	if r.version >= 11 {
		b = appendText(b, "") // no rack: read from the leader
	}
	return b
}

func be16(b []byte, values ...int16) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint16(b, uint16(v))
	}
	return b
}

func be32(b []byte, values ...int32) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

func be64(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

func appendText(b []byte, s string) []byte { return append(be16(b, int16(len(s))), s...) }

// decodeFetch reads the response without its size.
func decodeFetch(body []byte, version int16) (*fetchResponse, error) {
	c := &cursor{data: body}
	correlation := c.int32()
	c.int32() // throttled for so many milliseconds
	var code int16
	if version >= 7 {
		code = c.int16()
		c.int32() // session
	}
	response := &fetchResponse{}
	for range c.count() {
		c.text()
		for range c.count() {
			response.partitions = append(response.partitions, c.fetched(version))
		}
	}
	switch {
	case c.err != nil:
		return nil, fmt.Errorf("decoding a fetch response: %w", c.err)
	case correlation != oneCorrelation:
		return nil, fmt.Errorf("decoding a fetch response: it answers request %d", correlation)
	case code != 0:
		return nil, fmt.Errorf("fetching: %w", kafka.Error(code))
	}
	return response, nil
}

func (c *cursor) fetched(version int16) fetched {
	f := fetched{partition: c.int32(), code: kafka.Error(c.int16()), highWatermark: c.int64()}
	c.int64() // last stable offset
	if version >= 5 {
		c.int64() // log start
	}
	for range c.count() {
		f.aborted = append(f.aborted, abortedTransaction{producer: c.int64(), first: c.int64()})
	}
	if version >= 11 {
		c.int32() // preferred replica
	}
	if n := c.int32(); n > 0 {
		f.records = c.take(int(n))
	}
	return f
}

// fetch asks the leader and waits at most wait for the first record.
func (c *Client) fetch(ctx context.Context, request *fetchRequest) (*fetchResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, request.wait+c.cfg.RequestTimeout)
	defer cancel()
	request.clientID = c.cfg.ClientID
	response, err := c.transport.RoundTrip(ctx, c.addr, request)
	if err != nil {
		return nil, classify("fetching from "+request.topic, err)
	}
	return response.(*fetchResponse), nil
}
