package kafka

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// metadataVersion is the version of the Metadata API that is written and read here, since the library stops at
// one that knows no topic ids. Brokers have it since 3.0.
const metadataVersion = 11

// topicIDRequest asks any broker for the id of one topic.
type topicIDRequest struct{ clientID, topic string }

// topicIDResponse holds the id, in hex.
type topicIDResponse struct {
	code kafka.Error
	id   string
}

// ApiKey says which API this is.
func (r *topicIDRequest) ApiKey() protocol.ApiKey { return protocol.Metadata }

// ApiKey says which API this answers.
func (r *topicIDResponse) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required tells the library to leave writing and reading to RawExchange.
func (r *topicIDRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange writes the request and reads the response.
func (r *topicIDRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	b := be16(make([]byte, 4, 128), int16(protocol.Metadata), metadataVersion)
	b = append(appendText(be32(b, oneCorrelation), r.clientID), 0) // no tags
	b = append(b, 2)                                               // one topic, counted from 1 as all in compact encodings
	b = append(b, make([]byte, 16)...)                             // asked for by name, not by id
	b = append(binary.AppendUvarint(b, uint64(len(r.topic)+1)), r.topic...)
	b = append(b, 0)       // no tags
	b = append(b, 0, 0, 0) // create nothing, name no permissions; no tags
	body, err := exchange(rw, b)
	if err != nil {
		return nil, fmt.Errorf("exchanging metadata: %w", err)
	}
	return decodeTopicID(body)
}

func decodeTopicID(body []byte) (*topicIDResponse, error) {
	c := &cursor{data: body}
	c.int32() // correlation
	c.tags()
	c.int32() // throttled
	for range c.compact() {
		c.int32()           // broker
		c.take(c.compact()) // host
		c.int32()           // port
		c.take(c.compact()) // rack
		c.tags()
	}
	c.take(c.compact()) // cluster
	c.int32()           // controller
	if n := c.compact(); n != 1 && c.err == nil {
		return nil, fmt.Errorf("decoding metadata: %d topics instead of one", n)
	}
	response := &topicIDResponse{code: kafka.Error(c.int16())}
	c.take(c.compact()) // name
	response.id = hex.EncodeToString(c.take(16))
	if c.err != nil {
		return nil, fmt.Errorf("decoding metadata: %w", c.err)
	}
	return response, nil
}

// topicID returns the id that the topic got when it was made: one made anew under the same name has another.
func (c *Client) topicID(ctx context.Context, topic string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	response, err := c.transport.RoundTrip(ctx, c.addr, &topicIDRequest{clientID: c.cfg.ClientID, topic: topic})
	if err != nil {
		return "", classify("looking at topic "+topic, err)
	}
	found := response.(*topicIDResponse)
	if found.code != 0 {
		return "", classify("looking at topic "+topic, found.code)
	}
	return found.id, nil
}
