package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"

	"github.com/sagas-dev/saga-operator/participant"
	"github.com/sagas-dev/saga-operator/participant/participanttest"
)

// castTopics are all that the cast reads and writes.
func castTopics() []string {
	topics := []string{"shop.events", "package.events", "drone.events", "delivery.events"}
	for _, s := range cast {
		topics = append(topics, s.name+".commands")
	}
	return topics
}

func TestTheCastDoesRefusesAndUndoes(t *testing.T) {
	data := t.TempDir()
	op := participanttest.Start(t, castTopics()...)
	p := startService(t, "cast", data, op.Brokers())
	trip := func(saga, kind, input string) ask { return ask{Saga: saga, Step: "step", Type: kind, Data: input} }
	for _, c := range []struct {
		topic         string
		asked         ask
		outcome, code string
	}{
		{"flight.commands", trip("t-1", "flight.book", `{"tripId":"t-1"}`), "succeeded", ""},
		{"flight.commands", trip("t-1", "flight.book", `{"tripId":"t-1"}`), "succeeded", ""}, // the same, told twice
		{"flight.commands", undoOf(trip("t-1", "", `{"tripId":"t-1"}`), "flight.cancel"), "succeeded", ""},
		{"flight.commands", trip("t-1", "flight.book", `{"tripId":"t-1"}`), "failed", participant.CodeUndone},
		{"flight.commands", trip("t-2", "flight.book", `{}`), "failed", participant.CodeInvalidInput},
		{"hotel.commands", trip("t-1", "hotel.book", `{"tripId":"t-1","city":"NAP"}`), "failed", "NO_ROOMS"},
		{"car.commands", trip("t-1", "car.book", `{"tripId":"t-1","from":"2027-12-24"}`), "failed", "SOLD_OUT"},
		{"drone.commands", trip("d-1", "drone.schedule", `{"deliveryId":"d-1","weightGrams":4500}`), "failed", "TOO_HEAVY"},
		{"ledger.commands", trip("m-1", "ledger.credit", `{"transferId":"m-1","account":"DE00CLOSED"}`), "failed", "ACCOUNT_CLOSED"},
		{"ledger.commands", trip("m-2", "ledger.lend", `{"transferId":"m-2"}`), "failed", participant.CodeUnknownCommand},
	} {
		if got := op.Ask(t, c.topic, c.asked); got.Outcome != c.outcome || got.Code != c.code {
			t.Errorf("%s was answered %s %s, want %s %s", c.asked.Type, got.Outcome, got.Code, c.outcome, c.code)
		}
	}
	if err := p.terminate(t); err != nil {
		t.Errorf("asked to end, it ended with %v", err)
	}
	if done, undone := deedsIn(t, openBooks(t, data, "flight"), "book"); done != 0 || undone != 1 {
		t.Errorf("%d flights are booked, %d were cancelled", done, undone)
	}
}

func TestADeliveryThatNobodyCommandsIsMadeAndUnmade(t *testing.T) {
	data := t.TempDir()
	op := participanttest.Start(t, castTopics()...)
	startService(t, "cast", data, op.Brokers())
	tell(t, op, request{DeliveryID: "d-1", WeightGrams: 450})
	awaitEvent(t, op, "delivery.events", "delivery.start-succeeded", "d-1")
	tell(t, op, request{DeliveryID: "d-2", WeightGrams: 4500})
	awaitEvent(t, op, "drone.events", "drone.schedule-failed", "d-2")
	awaitEvent(t, op, "package.events", "package.schedule-succeeded", "d-2")

	unpack := undoOf(ask{Saga: "d-2", Step: "schedule-package", Data: `{"deliveryId":"d-2"}`, Observed: true}, "package.cancel")
	if got := op.Ask(t, "package.commands", unpack); got.Outcome != "succeeded" {
		t.Errorf("unpacking was answered %+v", got)
	}
	all, err := readDeeds(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	want := []deedReport{
		{Subject: "d-1", Done: []string{"package.schedule", "drone.schedule", "delivery.start"}, Undone: []string{}},
		{Subject: "d-2", Done: []string{}, Undone: []string{"package.schedule"}},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("the books (-want +got):\n%s", diff)
	}
}

// The id is the subject of what is told, which has at most 256 bytes.
func TestADeliveryThatCannotBeToldOfStopsNoOther(t *testing.T) {
	data := t.TempDir()
	op := participanttest.Start(t, castTopics()...)
	startService(t, "cast", data, op.Brokers())
	tell(t, op, request{DeliveryID: strings.Repeat("d", 300), WeightGrams: 450})
	tell(t, op, request{DeliveryID: "d-1", WeightGrams: 450})
	awaitEvent(t, op, "delivery.events", "delivery.start-succeeded", "d-1")
	all, err := readDeeds(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	want := []deedReport{{Subject: "d-1", Done: []string{"package.schedule", "drone.schedule", "delivery.start"}, Undone: []string{}}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("the books (-want +got):\n%s", diff)
	}
}

// openBooks reads the books of a member, which may be running.
func openBooks(t *testing.T, data, member string) *sql.DB {
	t.Helper()
	db, err := openToRead(data, member)
	if err != nil || db == nil {
		t.Fatalf("the books of %s: %v", member, err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the books: %v", err)
		}
	})
	return db
}

// tell requests a delivery.
func tell(t *testing.T, op *participanttest.Operator, r request) {
	t.Helper()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	op.SendMessage(t, participant.Message{Topic: "shop.events", Key: []byte(r.DeliveryID), Value: raw, Headers: []participant.Header{
		{Key: "ce_type", Value: []byte("shop.delivery-requested")},
	}})
}

// awaitEvent reads a topic from its beginning until it holds the event about a delivery.
func awaitEvent(t *testing.T, op *participanttest.Operator, topic, kind, delivery string) {
	t.Helper()
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: op.Brokers(), GroupID: t.Name() + "/" + kind + "/" + delivery, Topic: topic,
		StartOffset: kafka.FirstOffset, MaxWait: 100 * time.Millisecond})
	defer func() {
		if err := reader.Close(); err != nil {
			t.Errorf("closing a reader: %v", err)
		}
	}()
	ctx, cancel := context.WithTimeout(t.Context(), participanttest.Patience)
	defer cancel()
	for {
		m, err := reader.ReadMessage(ctx)
		if err != nil {
			t.Fatalf("waiting for %s of %s: %v", kind, delivery, err)
		}
		if valueOf(&m, "ce_type") == kind && string(m.Key) == delivery {
			return
		}
	}
}

func TestTheBooksOfTheCastSayWhatTookEffectTwice(t *testing.T) {
	dir := t.TempDir()
	db, err := openDatabase(t.Context(), dir, "flight", "NORMAL", deedBooks)
	if err != nil {
		t.Fatal(err)
	}
	for _, direction := range []string{"forward", "backward", "forward"} {
		if _, err := db.ExecContext(t.Context(), `INSERT INTO effects (forward_key, direction, command_id) VALUES ('k', ?, 'c')`, direction); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := readDeeds(t.Context(), dir); err == nil || !strings.Contains(err.Error(), "key k took effect 2 times, forward") {
		t.Errorf("it said %v", err)
	}
}

func TestTheBooksOfTheCastAreATableOrJSON(t *testing.T) {
	reports := []deedReport{{Subject: "trip-1", Done: []string{"flight.book", "hotel.book"}, Undone: []string{}}}
	for output, want := range map[string]string{
		"table": "FOR     DONE                     DONE AND UNDONE\ntrip-1  flight.book, hotel.book  -\n",
		"json":  "[\n  {\n    \"subject\": \"trip-1\",\n    \"done\": [\n      \"flight.book\",\n      \"hotel.book\"\n    ],\n    \"undone\": []\n  }\n]\n",
	} {
		var b strings.Builder
		if err := printDeeds(&b, reports, output); err != nil || b.String() != want {
			t.Errorf("%s: %v\n%s", output, err, b.String())
		}
	}
	if err := printDeeds(io.Discard, reports, "yaml"); err == nil || !strings.Contains(err.Error(), `not "yaml"`) {
		t.Errorf("another format: %v", err)
	}
}
