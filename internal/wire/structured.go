package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Members of an event in structured mode that are no attributes of the kind that headers carry.
const (
	memberData       = "data"
	memberDataBase64 = "data_base64"
	memberDataType   = "datacontenttype"
)

// readEnvelope reads an event in structured mode: its attributes, under the names that they have as headers in binary
// mode, and its data.
//
// Errors: ErrBody: the value is no such event; ErrInvalid names an attribute that is no text.
func readEnvelope(m Message) (*reader, []byte, error) {
	if len(m.Value) > MaxEvent {
		return nil, nil, fmt.Errorf("%w: the message has %d bytes, at most %d are allowed", ErrBody, len(m.Value), MaxEvent)
	}
	var members map[string]json.RawMessage // and no struct, which would take Id for id
	if err := json.Unmarshal(m.Value, &members); err != nil || members == nil {
		return nil, nil, fmt.Errorf("%w: the message is no JSON object (%d bytes)", ErrBody, len(m.Value))
	}
	data, err := envelopeData(members)
	if err != nil {
		return nil, nil, err
	}
	r := &reader{values: make(map[string]string, len(members))}
	for _, header := range structuredHeaders {
		r.values[header.name], err = attribute(members[header.member], header.name)
		if err != nil {
			return nil, nil, err
		}
	}
	return r, data, nil
}

// structuredHeaders are the attributes that are read, and the headers that carry them in binary mode.
var structuredHeaders = []struct{ member, name string }{
	{"specversion", HeaderSpecVersion},
	{"id", HeaderID},
	{"source", HeaderSource},
	{"type", HeaderType},
	{"subject", HeaderSubject},
	{"time", HeaderTime},
	{"dataschema", HeaderDataSchema},
	{"correlationid", HeaderCorrelationID},
	{memberDataType, HeaderContentType},
	{"traceparent", HeaderTraceParent},
	{"tracestate", HeaderTraceState},
}

// attribute reads a text; what is absent or null is empty.
func attribute(raw json.RawMessage, header string) (value string, err error) {
	if len(raw) == 0 {
		return "", nil
	}
	if err := json.Unmarshal(raw, &value); err != nil {
		return "", fmt.Errorf("%w: %s is no text", ErrInvalid, header)
	}
	return value, nil
}

// envelopeData returns the event's data; null is none.
func envelopeData(members map[string]json.RawMessage) (data []byte, err error) {
	plain, encoded := members[memberData], members[memberDataBase64]
	switch {
	case len(plain) > 0 && len(encoded) > 0:
		return nil, fmt.Errorf("%w: it has both %s and %s", ErrBody, memberData, memberDataBase64)
	case len(encoded) > 0:
		if err := json.Unmarshal(encoded, &data); err != nil {
			return nil, fmt.Errorf("%w: %s is no base64", ErrBody, memberDataBase64)
		}
		return data, nil
	case bytes.Equal(bytes.TrimSpace(plain), []byte("null")):
		return nil, nil
	}
	return plain, nil
}
