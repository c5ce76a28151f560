package wire

import (
	"encoding/json"
	"fmt"
	"mime"
	"strings"
	"time"
)

// CloudEvent is an event that somebody else has published: it need not be about a saga. Attributes that the event
// does not have are empty, except for ID, Source and Type, which every event has.
type CloudEvent struct {
	ID            string // unique within Source
	Source        string
	Type          string // e.g. order.placed
	Subject       string
	Time          time.Time // UTC; zero: none
	DataSchema    string
	CorrelationID string
	ContentType   string // of Data; empty counts as JSON
	Data          []byte // as the producer wrote it: judged by JSON, not before
	TraceParent   string // a valid W3C traceparent, or empty
	TraceState    string // only with a TraceParent
}

// MaxEvent is the largest value of a message that is taken for an event in structured mode, in bytes: an envelope
// that is larger is not even looked into.
const MaxEvent = 1 << 20

// structured is the content type of a message whose value is a whole event. Others of the family are no JSON, or several.
const (
	structured       = "application/cloudevents+json"
	structuredFamily = "application/cloudevents"
)

// DecodeCloudEvent reads an event in CloudEvents' binary mode (attributes are headers), or in structured mode (the value
// is the event as JSON) where the content type says so. The data is not judged: an event of another type may hold anything.
//
// Errors: ErrMissing, ErrTooLong, ErrInvalid and ErrDuplicate name the attribute by its header in binary mode; ErrBody
// is about the envelope in structured mode.
func DecodeCloudEvent(m Message) (CloudEvent, error) {
	r := newReader(m.Headers)
	kind := mediaType(r.optional(HeaderContentType))
	var data []byte
	switch {
	case kind == structured:
		var err error
		if r, data, err = readEnvelope(m); err != nil {
			return CloudEvent{}, fmt.Errorf("decoding event: %w", err)
		}
	case strings.HasPrefix(kind, structuredFamily):
		return CloudEvent{}, fmt.Errorf("decoding event: %w: %s is %q, not %s", ErrInvalid, HeaderContentType, kind, structured)
	default:
		data = m.Value
	}
	e := r.cloudEvent()
	e.Data = data
	if r.err != nil {
		return CloudEvent{}, fmt.Errorf("decoding event: %w", r.err)
	}
	return e, nil
}

// cloudEvent reads the attributes.
func (r *reader) cloudEvent() CloudEvent {
	r.exactly(HeaderSpecVersion, specVersion)
	e := CloudEvent{
		ID:            r.required(HeaderID),
		Source:        r.required(HeaderSource),
		Type:          r.required(HeaderType),
		Subject:       r.optional(HeaderSubject),
		Time:          r.instant(HeaderTime),
		DataSchema:    r.optional(HeaderDataSchema),
		CorrelationID: r.optional(HeaderCorrelationID),
		ContentType:   r.optional(HeaderContentType),
	}
	if parent := r.values[HeaderTraceParent]; validTraceParent(parent) {
		e.TraceParent = parent
		if state := r.values[HeaderTraceState]; checkValue(HeaderTraceState, state) == nil {
			e.TraceState = state
		}
	}
	return e
}

// EncodeCloudEvent makes the message by which a service publishes e on topic, in binary mode: a JSON object as data, whatever
// e.ContentType says. The key is the correlation id, so that what concerns one business key keeps its order within a partition.
//
// Errors: ErrMissing, ErrTooLong and ErrInvalid name the header; ErrBody says what is wrong with the data.
func EncodeCloudEvent(e CloudEvent, topic string) (Message, error) {
	data, err := objectOf(e.Data)
	if err != nil {
		return Message{}, fmt.Errorf("encoding event: %w", err)
	}
	w := &writer{}
	w.envelope(e.ID, e.Type, e.Source, e.Subject)
	w.instant(HeaderTime, e.Time)
	w.optional(HeaderCorrelationID, e.CorrelationID)
	w.optional(HeaderDataSchema, e.DataSchema)
	if validTraceParent(e.TraceParent) {
		w.trace(e.TraceParent, e.TraceState, "", "")
	}
	if w.err != nil {
		return Message{}, fmt.Errorf("encoding event: %w", w.err)
	}
	return Message{Topic: topic, Partition: -1, Key: []byte(e.CorrelationID), Value: data, Headers: w.headers}, nil
}

// JSON returns the data as JSON of any type, at most MaxBody bytes. No data at all counts as {}.
//
// Errors: ErrBody says what is wrong with the data.
func (e CloudEvent) JSON() ([]byte, error) {
	if kind := mediaType(e.ContentType); kind != "" && !isJSON(kind) {
		return nil, fmt.Errorf("%w: its content type is %.128q, which is no JSON", ErrBody, kind)
	}
	switch {
	case len(e.Data) == 0:
		return []byte("{}"), nil
	case len(e.Data) > MaxBody:
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrBody, len(e.Data), MaxBody)
	case !json.Valid(e.Data):
		return nil, fmt.Errorf("%w: it is no JSON (%d bytes)", ErrBody, len(e.Data))
	}
	return e.Data, nil
}

// Expression returns what expressions read as event: a JSON object with the members id, source, type, subject, time,
// dataschema, correlationid and data. All of them are always there: attributes that the event does not have are
// empty texts, and no data is {}.
//
// Errors: ErrBody says what is wrong with the data.
func (e CloudEvent) Expression() ([]byte, error) {
	data, err := e.JSON()
	if err != nil {
		return nil, err
	}
	at := ""
	if !e.Time.IsZero() {
		at = e.Time.UTC().Format(time.RFC3339Nano)
	}
	object, err := json.Marshal(struct {
		ID            string          `json:"id"`
		Source        string          `json:"source"`
		Type          string          `json:"type"`
		Subject       string          `json:"subject"`
		Time          string          `json:"time"`
		DataSchema    string          `json:"dataschema"`
		CorrelationID string          `json:"correlationid"`
		Data          json.RawMessage `json:"data"`
	}{e.ID, e.Source, e.Type, e.Subject, at, e.DataSchema, e.CorrelationID, data})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBody, err)
	}
	return object, nil
}

// mediaType is the content type without its parameters, in lower case; what is none stays as it is.
func mediaType(contentType string) string {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return contentType
	}
	return kind
}

func isJSON(mediaType string) bool {
	return mediaType == contentType || mediaType == "text/json" || strings.HasSuffix(mediaType, "+json")
}
