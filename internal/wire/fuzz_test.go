package wire

import (
	"bytes"
	"encoding/json"
	"testing"
)

// pack and unpack turn headers into one byte string and back: name, 0, value, 0.
func pack(headers []Header) []byte {
	var b bytes.Buffer
	for _, h := range headers {
		b.WriteString(h.Key + "\x00")
		b.Write(append(bytes.Clone(h.Value), 0))
	}
	return b.Bytes()
}

func unpack(packed []byte) []Header {
	parts := bytes.Split(packed, []byte{0})
	var headers []Header
	for i := 0; i+1 < len(parts); i += 2 {
		headers = append(headers, Header{Key: string(parts[i]), Value: parts[i+1]})
	}
	return headers
}

// FuzzDecode feeds foreign bytes to the decoders: what they take must encode again to something they read alike, or be JSON.
func FuzzDecode(f *testing.F) {
	keys := testKeys(f)
	for _, c := range []Command{reserve(), release()} {
		m, err := EncodeCommand(c, "t", keys)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pack(m.Headers), m.Value)
	}
	m, err := EncodeReply(reserved(f), "t", 0)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(pack(m.Headers), m.Value)
	for _, m := range []Message{placed(`{"amount":"9.90"}`), enveloped(`{"specversion":"1.0","id":"e","source":"s","type":"t","data":1}`)} {
		f.Add(pack(m.Headers), m.Value)
	}
	f.Fuzz(func(t *testing.T, packed, value []byte) {
		m := Message{Headers: unpack(packed), Value: value}
		if c, err := DecodeCommand(m); err == nil {
			again, err := EncodeCommand(c, "t", keys)
			if err != nil || header(again, HeaderID) != c.ID() {
				t.Fatalf("a command that was read cannot be written: %v", err)
			}
		}
		if r, err := DecodeReply(m); err == nil && VerifyReply(r, keys) == nil && r.CommandID() == "" {
			t.Fatal("a verified reply answers nothing")
		}
		if e, err := DecodeCloudEvent(m); err == nil {
			if object, err := e.Expression(); err == nil && !json.Valid(object) {
				t.Fatalf("an event that was read is no JSON to expressions: %q", object)
			}
		}
	})
}
