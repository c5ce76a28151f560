package participant

import (
	"github.com/segmentio/kafka-go"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Header is one Kafka record header.
type Header struct {
	Key   string
	Value []byte
}

// Message is one Kafka record, without anything of a client library.
type Message struct {
	Topic     string
	Partition int   // where it was read, or has to be written; -1: the key decides
	Offset    int64 // set on what was read
	Key       []byte
	Value     []byte
	Headers   []Header
}

func (m Message) wire() wire.Message {
	out := wire.Message{Topic: m.Topic, Partition: int32(m.Partition), Offset: m.Offset, Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, wire.Header(h))
	}
	return out
}

func fromWire(m wire.Message) Message {
	out := Message{Topic: m.Topic, Partition: int(m.Partition), Offset: m.Offset, Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, Header(h))
	}
	return out
}

func fromKafka(m kafka.Message) Message {
	out := Message{Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, Key: m.Key, Value: m.Value}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, Header{Key: h.Key, Value: h.Value})
	}
	return out
}

// kafka carries the partition as WriterData, since the client lets only a balancer choose one.
func (m Message) kafka() kafka.Message {
	out := kafka.Message{Topic: m.Topic, Key: m.Key, Value: m.Value, WriterData: m.Partition}
	for _, h := range m.Headers {
		out.Headers = append(out.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	return out
}
