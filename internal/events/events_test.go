package events

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/internal/unsettled"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

func (w *world) expectIDs(what string, got []Delivery, want ...string) {
	w.t.Helper()
	if !slices.Equal(ids(got), want) {
		w.t.Errorf("%s: %v, want %v", what, ids(got), want)
	}
}

func TestAnEventIsForTheSagaThatListensForItAndIsCommittedOnceThatHasDealtWithIt(t *testing.T) {
	w := reading(t)
	w.listens("a", "o-1")
	w.paid("e-1", "o-1")
	if !slices.Equal(w.woken, []string{"shop/a"}) {
		t.Errorf("woken: %v", w.woken)
	}
	w.expectCommitted(0)
	got := w.listens("a", "o-1")
	w.expectIDs("a's events", got, "e-1")
	if e := got[0].Event; e.Participant != "payment" || e.Type != "payment.received" || e.Key != "o-1" || e.Source != "/payment" ||
		string(e.Data) != `{"amount":"10"}` {
		t.Errorf("the event is %+v", e)
	}
	w.Settle(got...)
	w.Settle(got...)
	w.expectCommitted(1)
	w.expectIDs("after that", w.listens("a"))
}

func TestAnEventOfTwoSagasIsCommittedOnceBothHaveDealtWithIt(t *testing.T) {
	w := reading(t)
	w.listens("a", "o-1")
	w.listens("b", "o-1")
	w.paid("e-1", "o-1")
	w.Settle(w.listens("a", "o-1")...)
	w.expectCommitted(0)
	w.passes(2 * Grace)
	w.expectCommitted(0)
	w.Settle(w.listens("b", "o-1")...)
	w.expectCommitted(1)
}

func TestAnEventBeforeItsSagaWaitsAMinute(t *testing.T) {
	w := reading(t)
	w.paid("e-1", "o-1")
	w.passes(59 * time.Second)
	got := w.listens("a", "o-1")
	w.expectIDs("a's events", got, "e-1")
	w.passes(time.Hour)
	w.expectCommitted(0)
	w.Settle(got...)
	w.expectCommitted(1)

	w.paid("e-2", "o-2")
	w.passes(Grace)
	w.expectCommitted(2)
	w.expectIDs("b's events", w.listens("b", "o-2"))
	if !slices.Equal(w.passed, []string{PassedUnclaimed}) {
		t.Errorf("passed over: %v", w.passed)
	}
}

func TestAnOldEventOfNobodyIsPassedOverAtOnce(t *testing.T) {
	w := reading(t)
	w.now = w.now.Add(-2 * time.Hour)
	at := w.now
	w.now = w.now.Add(2 * time.Hour)
	m := wire.Message{Time: at, Headers: []wire.Header{
		{Key: wire.HeaderSpecVersion, Value: []byte("1.0")}, {Key: wire.HeaderID, Value: []byte("e")}, {Key: wire.HeaderSource, Value: []byte("/p")},
		{Key: wire.HeaderType, Value: []byte("payment.received")}, {Key: wire.HeaderCorrelationID, Value: []byte("o-1")},
	}}
	w.reads("payment.events", m)
	w.expectCommitted(1)
	w.listens("a", "o-1")
	w.reads("payment.events", m)
	w.expectIDs("a's events", w.listens("a", "o-1"), "e")
}

func TestWhatIsForNobodyIsPassedOver(t *testing.T) {
	byOrder := picture()
	byOrder.Participants[0].Key = brokenKey{}
	for name, c := range map[string]struct {
		happens func(*world)
		reason  string
	}{
		"no CloudEvent":             {func(w *world) { w.reads("payment.events", wire.Message{Value: []byte("x")}) }, PassedMalformed},
		"no correlation id":         {func(w *world) { w.paid("e", "") }, PassedNoKey},
		"a key that does not come":  {func(w *world) { w.Know(byOrder); w.paid("e", "o-1") }, PassedNoKey},
		"of a kind nobody awaits":   {func(w *world) { w.happens("payment.events", "payment.refused", "e", "o-1") }, ""},
		"of another participant":    {func(w *world) { w.happens("payment.events", "shipping.received", "e", "o-1") }, ""},
		"of a type without any dot": {func(w *world) { w.happens("payment.events", "payment", "e", "o-1") }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := reading(t)
			w.listens("a", "o-1")
			c.happens(w)
			w.expectCommitted(1)
			if got := fmt.Sprint(w.passed); c.reason != "" && got != fmt.Sprint([]string{c.reason}) || c.reason == "" && len(w.passed) > 0 {
				t.Errorf("passed over as %s, want %q", got, c.reason)
			}
		})
	}
}

type brokenKey struct{}

func (brokenKey) Of([]byte) (string, error) { return "", errors.New("no such member") }

type fixedKey string

func (k fixedKey) Of([]byte) (string, error) { return string(k), nil }

func TestNamesakesOfTwoNamespacesShareATopicEachWithItsKey(t *testing.T) {
	w := newWorld(t, unsettled.Limits{})
	p := picture()
	p.Participants = append(p.Participants, Participant{Namespace: "test", Name: "payment", Topic: "payment.events", Key: fixedKey("k")})
	p.Kinds = append(p.Kinds, Kind{Namespace: "test", Participant: "payment", Type: "payment.received"})
	w.Know(p)
	w.Expect(nil)
	w.arranged()
	other := saga("b", "1", "k")
	other.Namespace = "test"
	w.Listen(other)
	w.listens("a", "o-1")
	w.paid("e-1", "o-1")
	w.expectIDs("shop's", w.listens("a", "o-1"), "e-1")
	w.expectIDs("test's", w.Listen(other), "e-1")
}

func TestAnEventThatASagaPassesOnStaysForOthersUntilItsGraceIsOver(t *testing.T) {
	w := reading(t)
	w.listens("a", "o-1")
	w.paid("e-1", "o-1")
	w.Pass(w.listens("a", "o-1")...)
	w.expectIDs("a again", w.listens("a", "o-1"))
	w.expectCommitted(0)
	w.expectIDs("b's", w.listens("b", "o-1"), "e-1")
	w.Forget("shop", "b")
	w.passes(Grace)
	w.expectCommitted(1)
}

func TestAnOlderCopyOfASagaSaysNothing(t *testing.T) {
	w := reading(t)
	w.Listen(saga("a", "12", "o-2"))
	w.Listen(saga("a", "9", "o-1"))
	w.paid("e-1", "o-2")
	w.paid("e-2", "o-1")
	w.expectIDs("a's events", w.Listen(saga("a", "12", "o-2")), "e-1")
}

func TestASagaMadeAnewTakesNothingOverFromItsPredecessor(t *testing.T) {
	w := reading(t)
	w.listens("a", "o-1")
	w.paid("e-1", "o-1")
	old := w.listens("a", "o-1")
	anew := saga("a", "1", "o-2")
	anew.UID = "another"
	w.expectIDs("its events", w.Listen(anew))
	w.Settle(old...)
	w.expectCommitted(0) // its grace is not over
	w.passes(Grace)
	w.expectCommitted(1)
}

func TestNothingIsReadBeforeEverySagaWasLookedAt(t *testing.T) {
	w := newWorld(t, unsettled.Limits{})
	name := func(n string) types.NamespacedName { return types.NamespacedName{Namespace: "shop", Name: n} }
	w.Know(picture())
	w.listens("early", "o-1")
	w.arranged()
	w.Expect([]types.NamespacedName{name("early"), name("late"), name("gone")})
	w.listens("late", "o-1")
	w.arranged()
	if len(w.sources) != 0 {
		t.Fatal("a topic is read although a saga is still to be looked at")
	}
	w.Forget("shop", "gone")
	w.arranged()
	if len(w.sources) != 1 {
		t.Fatal("no topic is read although all are known")
	}
}

func TestATopicIsReadAsLongAsSomebodyListensOnIt(t *testing.T) {
	w := newWorld(t, unsettled.Limits{})
	w.Expect(nil)
	p := picture()
	p.Kinds = nil
	w.Know(p)
	w.arranged()
	if len(w.topics) != 0 {
		t.Fatal("read although nobody listens")
	}
	w.listens("a", "o-1")
	w.arranged()
	if len(w.Heard()) != 1 {
		t.Fatal("not read although a saga listens")
	}
	w.paid("e-1", "o-1")
	first := w.sources["payment.events"]
	w.listens("a")
	w.arranged()
	if records, _ := w.Unsettled(); len(w.topics) != 0 || records != 0 {
		t.Fatalf("%d topics are read and %d events kept although nobody listens any more", len(w.topics), records)
	}
	if first.committed[0] != 0 {
		t.Errorf("%d was committed although the event is not settled", first.committed[0])
	}
}

func TestATopicThatKeepsTooMuchPausesAndTheOthersGoOn(t *testing.T) {
	w := newWorld(t, unsettled.Limits{Records: 10, Bytes: 1 << 20})
	p := picture()
	p.Participants = append(p.Participants, Participant{Namespace: "shop", Name: "shipping", Topic: "shipping.events"})
	p.Kinds = append(p.Kinds, Kind{Namespace: "shop", Participant: "shipping", Type: "shipping.sent"})
	w.Know(p)
	w.Expect(nil)
	w.arranged()
	for i := range 10 {
		w.paid(fmt.Sprint("e-", i), "o-1")
	}
	payment, shipping := w.sources["payment.events"], w.sources["shipping.events"]
	if !payment.paused {
		t.Fatalf("payment paused: %t, shipping paused: %t", payment.paused, shipping.paused)
	}
	w.passes(Grace)
	if payment.paused {
		t.Fatal("still paused although nothing is kept")
	}
}

func TestALateEventIsSettledOnceItsDeadLetterIsAcknowledged(t *testing.T) {
	w := reading(t)
	w.listens("a", "o-1")
	w.paid("e-1", "o-1")
	late := w.listens("a", "o-1")[0]
	w.away = true
	if err := w.DeadLetter(t.Context(), late, wire.ReasonEventLate); err == nil {
		t.Fatal("no error although the broker is away")
	}
	w.expectCommitted(0)
	w.away = false
	if err := w.DeadLetter(t.Context(), late, wire.ReasonEventLate); err != nil {
		t.Fatal(err)
	}
	w.expectCommitted(1)
	if len(w.dead) != 1 || w.dead[0].Topic != "test.saga.deadletters" {
		t.Errorf("dead letters: %v", w.dead)
	}
}

func TestEventsOfAPartitionThatWasResetStillReachTheirSaga(t *testing.T) {
	w := reading(t)
	w.listens("a", "o-1")
	w.paid("e-1", "o-1")
	w.sources["payment.events"].sink.Reset(0, 7)
	got := w.listens("a", "o-1")
	w.expectIDs("a's events", got, "e-1")
	w.Settle(got...)
	w.expectCommitted(0) // that offset means nothing any more
}
