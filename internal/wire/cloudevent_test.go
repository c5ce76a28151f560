package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// placed is an event of another team, in binary mode; its headers are changed by name, and left out where empty.
func placed(value string, changes ...string) Message {
	headers := []string{
		HeaderSpecVersion, "1.0", HeaderID, "e-1", HeaderSource, "/shop", HeaderType, "order.placed",
		HeaderContentType, "application/json; charset=utf-8",
	}
	values, names := map[string]string{}, []string{}
	for i, all := 0, append(headers, changes...); i < len(all); i += 2 {
		if _, known := values[all[i]]; !known {
			names = append(names, all[i])
		}
		values[all[i]] = all[i+1]
	}
	m := Message{Topic: "orders", Value: []byte(value)}
	for _, name := range names {
		if values[name] != "" {
			m.Headers = append(m.Headers, Header{Key: name, Value: []byte(values[name])})
		}
	}
	return m
}

// enveloped is the same event in structured mode.
func enveloped(value string) Message {
	return Message{Value: []byte(value), Headers: []Header{{Key: HeaderContentType, Value: []byte("application/cloudevents+json; charset=UTF-8")}}}
}

const traced = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestAnEventReadsTheSameInBothModes(t *testing.T) {
	want := CloudEvent{
		ID: "e-1", Source: "/shop", Type: "order.placed", Subject: "4711", DataSchema: "v2", CorrelationID: "4711",
		Time: time.Date(2026, 11, 22, 9, 0, 0, 500_000_000, time.UTC), ContentType: "application/json",
		Data: []byte(`{"amount":"9.90"}`), TraceParent: traced, TraceState: "a=b",
	}
	for name, m := range map[string]Message{
		"binary": placed(`{"amount":"9.90"}`, HeaderContentType, "application/json", HeaderSubject, "4711", HeaderTime, "2026-11-22T10:00:00.5+01:00",
			HeaderDataSchema, "v2", HeaderCorrelationID, "4711", HeaderTraceParent, traced, HeaderTraceState, "a=b"),
		"structured": enveloped(`{"specversion":"1.0","id":"e-1","source":"/shop","type":"order.placed","subject":"4711",
			"time":"2026-11-22T10:00:00.5+01:00","dataschema":"v2","correlationid":"4711","datacontenttype":"application/json",
			"traceparent":"` + traced + `","tracestate":"a=b","another":7,"data":{"amount":"9.90"}}`),
		"structured, in base64": enveloped(`{"specversion":"1.0","id":"e-1","source":"/shop","type":"order.placed","subject":"4711",
			"time":"2026-11-22T10:00:00.5+01:00","dataschema":"v2","correlationid":"4711","datacontenttype":"application/json",
			"traceparent":"` + traced + `","tracestate":"a=b","data_base64":"eyJhbW91bnQiOiI5LjkwIn0="}`),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := DecodeCloudEvent(m)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("event differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		message Message
		want    error
		says    string
	}{
		"no headers at all":              {Message{Value: []byte(`{}`)}, ErrMissing, HeaderSpecVersion},
		"another version of CloudEvents": {placed(`{}`, HeaderSpecVersion, "0.3"), ErrInvalid, `ce_specversion is "0.3"`},
		"no id":                          {placed(`{}`, HeaderID, ""), ErrMissing, HeaderID},
		"no source":                      {placed(`{}`, HeaderSource, ""), ErrMissing, HeaderSource},
		"no type":                        {placed(`{}`, HeaderType, ""), ErrMissing, HeaderType},
		"an id that is too long":         {placed(`{}`, HeaderID, strings.Repeat("x", 600)), ErrTooLong, "ce_id has 600 bytes, at most 512"},
		"a time that is none":            {placed(`{}`, HeaderTime, "yesterday"), ErrInvalid, "ce_time"},
		"a batch of events":              {placed(`[]`, HeaderContentType, "application/cloudevents-batch+json"), ErrInvalid, "not application/cloudevents+json"},
		"two ids": {Message{Headers: append(placed(`{}`).Headers, Header{Key: HeaderID, Value: []byte("e-2")})},
			ErrDuplicate, HeaderID},
		"an envelope that is no JSON":         {enveloped(`order 4711`), ErrBody, "no JSON object (10 bytes)"},
		"an envelope that is null":            {enveloped(`null`), ErrBody, "no JSON object"},
		"an envelope without an id":           {enveloped(`{"specversion":"1.0","Id":"e-1","source":"/shop","type":"t"}`), ErrMissing, HeaderID},
		"an envelope whose id is a number":    {enveloped(`{"specversion":"1.0","id":1,"source":"/shop","type":"t"}`), ErrInvalid, "ce_id is no text"},
		"an envelope with data twice":         {enveloped(`{"specversion":"1.0","id":"e","source":"s","type":"t","data":1,"data_base64":"MQ=="}`), ErrBody, "both data and data_base64"},
		"an envelope with data in no base64":  {enveloped(`{"specversion":"1.0","id":"e","source":"s","type":"t","data_base64":"?"}`), ErrBody, "data_base64 is no base64"},
		"an envelope of more than a mebibyte": {enveloped(`{"x":"` + strings.Repeat("x", MaxEvent) + `"}`), ErrBody, "at most 1048576 are allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeCloudEvent(row.message)
			if !errors.Is(err, row.want) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error is %v, want %v that says %q", err, row.want, row.says)
			}
		})
	}
}

func TestAnEventWithoutAUsableTraceIsAnEventAllTheSame(t *testing.T) {
	e, err := DecodeCloudEvent(placed(`{}`, HeaderTraceParent, "none", HeaderTraceState, "a=b"))
	if err != nil || e.TraceParent != "" || e.TraceState != "" {
		t.Errorf("read %+v, %v; want no trace and no error", e, err)
	}
}

func TestExpressionsReadEveryMemberOfAnEvent(t *testing.T) {
	for name, row := range map[string]struct {
		message Message
		want    string
	}{
		"only what is required": {placed(``), `{"id":"e-1","source":"/shop","type":"order.placed","subject":"","time":"","dataschema":"","correlationid":"","data":{}}`},
		"all of it": {placed(`[1,"<"]`, HeaderSubject, "4711", HeaderTime, "2026-11-22T10:00:00+01:00", HeaderDataSchema, "v2", HeaderCorrelationID, "c"),
			`{"id":"e-1","source":"/shop","type":"order.placed","subject":"4711","time":"2026-11-22T09:00:00Z","dataschema":"v2","correlationid":"c","data":[1,"<"]}`},
		"null in an envelope is no data": {enveloped(`{"specversion":"1.0","id":"e-1","source":"/shop","type":"order.placed","data":null}`),
			`{"id":"e-1","source":"/shop","type":"order.placed","subject":"","time":"","dataschema":"","correlationid":"","data":{}}`},
		"without a content type it is JSON": {placed(`7`, HeaderContentType, ""), `{"id":"e-1","source":"/shop","type":"order.placed","subject":"","time":"","dataschema":"","correlationid":"","data":7}`},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := DecodeCloudEvent(row.message)
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Expression()
			if err != nil {
				t.Fatal(err)
			}
			var have, want any
			if json.Unmarshal(got, &have) != nil || json.Unmarshal([]byte(row.want), &want) != nil {
				t.Fatalf("no JSON: %s", got)
			}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("event differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDataThatExpressionsCannotReadIsRefused(t *testing.T) {
	for name, row := range map[string]struct {
		message Message
		says    string
	}{
		"no JSON":                   {placed(`order 4711`), "it is no JSON (10 bytes)"},
		"another kind of data":      {placed(`<order/>`, HeaderContentType, "application/xml"), `"application/xml", which is no JSON`},
		"more than its bound":       {placed(`"` + strings.Repeat("x", MaxBody) + `"`), "it has 16386 bytes, at most 16384 are allowed"},
		"two megabytes":             {placed(strings.Repeat("x", 2<<20)), "it has 2097152 bytes"},
		"another kind, in base64":   {enveloped(`{"specversion":"1.0","id":"e","source":"s","type":"t","datacontenttype":"image/png","data_base64":"MQ=="}`), "which is no JSON"},
		"base64 that holds no JSON": {enveloped(`{"specversion":"1.0","id":"e","source":"s","type":"t","data_base64":"P8//"}`), "it is no JSON (3 bytes)"},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := DecodeCloudEvent(row.message)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Expression(); !errors.Is(err, ErrBody) || !strings.Contains(err.Error(), row.says) {
				t.Errorf("error is %v, want one about the data that says %q", err, row.says)
			}
		})
	}
}

func TestADeadLetterThatBecomesOneAgainIsKnownAsSuch(t *testing.T) {
	const topic = "shop.saga.deadletters"
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	first := DeadLetter(placed(`{}`), topic, Cause{Reason: ReasonMappingFailed, Detail: strings.Repeat("ü", 600), Trigger: "shop/placed"}, at)
	if DeadTwice(first) {
		t.Error("a dead letter of an ordinary topic passes for a copy")
	}
	if detail := header(first, HeaderDeadDetail); len(detail) > 1024 || !strings.HasPrefix(detail, "üüü") || strings.Trim(detail, "ü") != "" {
		t.Errorf("the detail has %d bytes: %q", len(detail), detail)
	}
	if header(first, HeaderDeadTrigger) != "shop/placed" || header(first, HeaderID) != "e-1" {
		t.Errorf("headers %v", first.Headers)
	}
	again := DeadLetter(first, topic, Cause{Reason: ReasonMalformed}, at)
	if !DeadTwice(again) {
		t.Error("a copy of a dead letter is not known as one")
	}
	if other := DeadLetter(first, "other.saga.deadletters", Cause{Reason: ReasonMalformed}, at); !DeadTwice(other) {
		t.Error("a copy on another installation's topic is not known as one")
	}
}

func TestAnEventThatIsPublishedIsReadAsItWas(t *testing.T) {
	sent := CloudEvent{ID: "e-1", Source: "/participants/payment", Type: "payment.charge-succeeded", Subject: "81", Time: ten, DataSchema: "v2",
		CorrelationID: "81", ContentType: "application/json", Data: []byte(`{"a":1}`), TraceParent: traced, TraceState: "a=b"}
	m, err := EncodeCloudEvent(sent, "payment.events")
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeCloudEvent(m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("event differs (-sent +read):\n%s", diff)
	}
}

func TestAnEventThatBreaksTheContractIsNotPublished(t *testing.T) {
	for name, row := range map[string]struct {
		event CloudEvent
		want  error
	}{
		"no id":          {CloudEvent{Source: "/s", Type: "a.b"}, ErrMissing},
		"no source":      {CloudEvent{ID: "1", Type: "a.b"}, ErrMissing},
		"no type":        {CloudEvent{ID: "1", Source: "/s"}, ErrMissing},
		"a long subject": {CloudEvent{ID: "1", Source: "/s", Type: "a.b", Subject: strings.Repeat("x", 257)}, ErrTooLong},
		"a line break":   {CloudEvent{ID: "1", Source: "/s", Type: "a.b", CorrelationID: "a\nb"}, ErrInvalid},
		"a list as data": {CloudEvent{ID: "1", Source: "/s", Type: "a.b", Data: []byte(`[]`)}, ErrBody},
		"too much data":  {CloudEvent{ID: "1", Source: "/s", Type: "a.b", Data: []byte(`{"x":"` + strings.Repeat("x", MaxBody) + `"}`)}, ErrBody},
	} {
		if _, err := EncodeCloudEvent(row.event, "a.events"); !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", name, err, row.want)
		}
	}
}
