package main

import (
	"database/sql"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
)

// reactionOf finds what a member does on its own account.
func reactionOf(t *testing.T, member string) reaction {
	t.Helper()
	i := slices.IndexFunc(reactions, func(r reaction) bool { return r.member == member })
	if i < 0 {
		t.Fatalf("%s does nothing on its own account", member)
	}
	return reactions[i]
}

func newBooksOf(t *testing.T, member string) *sql.DB {
	t.Helper()
	db, err := openDatabase(t.Context(), t.TempDir(), member, "NORMAL", deedBooks+toldBooks)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the books: %v", err)
		}
	})
	return db
}

// isTold tells a member of an event, and returns the name of the event that comes of it, with its data; empty: none.
func isTold(t *testing.T, r reaction, db *sql.DB, of request, kind string) (string, any) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	event, err := r.do(t.Context(), tx, of, kind)
	if err := errors.Join(err, tx.Commit()); err != nil {
		t.Fatal(err)
	}
	if event == nil {
		return "", nil
	}
	if event.CorrelationID != of.DeliveryID {
		t.Errorf("it told of %s because of %s", event.CorrelationID, of.DeliveryID)
	}
	return event.Name, event.Data
}

func valueOf(m *kafka.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// deedsIn counts what is in the books: done, and done but undone again.
func deedsIn(t *testing.T, db *sql.DB, deed string) (done, undone int) {
	t.Helper()
	row := db.QueryRowContext(t.Context(), `SELECT COALESCE(SUM(undone = 0), 0), COALESCE(SUM(undone = 1), 0) FROM deeds WHERE deed = ?`, deed)
	if err := row.Scan(&done, &undone); err != nil {
		t.Fatal(err)
	}
	return done, undone
}

func undo(t *testing.T, db *sql.DB, key, subject string) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := undoDeed(t.Context(), tx, key, subject); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

var light = request{DeliveryID: "d-1", WeightGrams: 450}

func TestAParcelIsScheduledAndToldOfOnceHoweverOftenTheDeliveryIsRequested(t *testing.T) {
	r, db := reactionOf(t, "package"), newBooksOf(t, "package")
	name, data := isTold(t, r, db, light, "shop.delivery-requested")
	if want := (map[string]any{"deliveryId": "d-1"}); name != "schedule-succeeded" || !reflect.DeepEqual(data, want) {
		t.Errorf("it told %s %v", name, data)
	}
	for range 2 {
		if name, _ := isTold(t, r, db, light, "shop.delivery-requested"); name != "" {
			t.Errorf("told again of the request, it told %s again", name)
		}
	}
	if done, undone := deedsIn(t, db, "schedule"); done != 1 || undone != 0 {
		t.Errorf("%d parcels are scheduled, %d were undone", done, undone)
	}
}

func TestADroneLeavesOnceParcelAndDroneAreScheduledInWhateverOrder(t *testing.T) {
	after := reactionOf(t, "delivery").after
	for _, order := range [][]string{{after[0], after[1]}, {after[1], after[0]}} {
		r, db := reactionOf(t, "delivery"), newBooksOf(t, "delivery")
		for range 2 {
			if kind, _ := isTold(t, r, db, light, order[0]); kind != "" {
				t.Errorf("it told %s of what only %s was told of", kind, order[0])
			}
		}
		if kind, _ := isTold(t, r, db, request{DeliveryID: "d-2"}, order[1]); kind != "" {
			t.Errorf("it told %s because of another delivery", kind)
		}
		if kind, _ := isTold(t, r, db, light, order[1]); kind != "start-succeeded" {
			t.Errorf("it told %q once all was told", kind)
		}
		if done, _ := deedsIn(t, db, "start"); done != 1 {
			t.Errorf("%d drones are in the air", done)
		}
	}
}

func TestADroneRefusesWhatIsTooHeavyAndWritesNothing(t *testing.T) {
	r, db := reactionOf(t, "drone"), newBooksOf(t, "drone")
	name, data := isTold(t, r, db, request{DeliveryID: "d-1", WeightGrams: 4001}, "shop.delivery-requested")
	if name != "schedule-failed" || !strings.Contains(fmt.Sprint(data), "code:TOO_HEAVY") {
		t.Errorf("it told %s %v", name, data)
	}
	if done, undone := deedsIn(t, db, "schedule"); done+undone != 0 {
		t.Errorf("the books hold %d drones that fly, and %d that were released", done, undone)
	}
}

func TestWhatAMemberDidByItselfIsUndoneByACommandThatItWasNeverGivenTheActionOf(t *testing.T) {
	r, db := reactionOf(t, "package"), newBooksOf(t, "package")
	isTold(t, r, db, light, "shop.delivery-requested")
	isTold(t, r, db, request{DeliveryID: "d-2", WeightGrams: 450}, "shop.delivery-requested")
	undo(t, db, "main/shop/d-1/schedule-package", "d-1")
	if done, undone := deedsIn(t, db, "schedule"); done != 1 || undone != 1 {
		t.Errorf("%d parcels are packed, %d were unpacked; that of d-2 is to stay", done, undone)
	}
	if kind, _ := isTold(t, r, db, light, "shop.delivery-requested"); kind != "" {
		t.Errorf("it was told again of the request, and told %s of what was undone", kind)
	}
}

func TestWhatIsUndoneBeforeItIsDoneIsNotDoneAnyMore(t *testing.T) {
	for times := range 3 {
		r, db := reactionOf(t, "package"), newBooksOf(t, "package")
		for range times + 1 {
			undo(t, db, "main/shop/d-1/schedule-package", "d-1")
		}
		if kind, _ := isTold(t, r, db, light, "shop.delivery-requested"); kind != "" {
			t.Errorf("undone %d times before, it told %s", times+1, kind)
		}
		if done, undone := deedsIn(t, db, "schedule"); done+undone != 0 {
			t.Errorf("%d parcels are packed, %d were unpacked", done, undone)
		}
	}
}

func TestEventsThatConcernNobodyAreReadOver(t *testing.T) {
	of := func(kind, data string) kafka.Message {
		return kafka.Message{Value: []byte(data), Headers: []kafka.Header{{Key: "ce_type", Value: []byte(kind)}}}
	}
	r := reactionOf(t, "drone")
	for name, m := range map[string]kafka.Message{
		"another type":     of("shop.delivery-cancelled", `{"deliveryId":"d-1"}`),
		"no delivery":      of("shop.delivery-requested", `{}`),
		"no JSON":          of("shop.delivery-requested", `{`),
		"no CloudEvent":    {Value: []byte(`{"deliveryId":"d-1"}`)},
		"of another shape": of("shop.delivery-requested", `{"deliveryId":1}`),
	} {
		if _, _, ok := r.concerns(m); ok {
			t.Errorf("%s: it concerns the drone", name)
		}
	}
	if in, kind, ok := r.concerns(of("shop.delivery-requested", `{"deliveryId":"d-1","weightGrams":7}`)); !ok || in != (request{"d-1", 7}) || kind == "" {
		t.Errorf("a request is read as %+v, %s, %t", in, kind, ok)
	}
}
