package events

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/unsettled"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// waits notes a saga that has not started and listens for payments with these keys.
func (w *world) waits(name string, keys ...string) {
	w.t.Helper()
	l := saga(name, "1", keys...)
	l.Waits = true
	w.Listen(l)
}

func (w *world) expectDead(details ...string) {
	w.t.Helper()
	w.buries(len(details))
	for i, m := range w.dead {
		headers := map[string]string{}
		for _, h := range m.Headers {
			headers[h.Key] = string(h.Value)
		}
		if headers[wire.HeaderDeadReason] != wire.ReasonEventLate || !strings.Contains(headers[wire.HeaderDeadDetail], details[i]) {
			w.t.Errorf("dead letter %v; want its detail to say %q", headers, details[i])
		}
	}
}

func (w *world) expectUnsettled(want int) {
	w.t.Helper()
	if records, _ := w.Unsettled(); records != want {
		w.t.Errorf("%d events are unsettled, want %d", records, want)
	}
}

func TestASagaThatHasNotStartedKeepsEightEventsAndTheNinthIsADeadLetter(t *testing.T) {
	w := reading(t)
	w.waits("a", "o-1")
	for i := range waitingEach + 1 {
		w.paid(fmt.Sprint("e-", i), "o-1")
	}
	w.passes(time.Hour)
	w.expectUnsettled(waitingEach + 1) // the broker has no dead letter yet
	w.expectDead("saga shop/a cannot take events yet, and 8 are kept for it already")
	w.expectUnsettled(waitingEach)
	w.expectCommitted(0)
	if len(w.woken) != 0 || len(w.passed) != 0 {
		t.Errorf("woken: %v, passed over: %v", w.woken, w.passed)
	}
	got := w.listens("a", "o-1")
	w.expectIDs("once it starts", got, "e-0", "e-1", "e-2", "e-3", "e-4", "e-5", "e-6", "e-7")
	w.Settle(got...)
	w.expectCommitted(waitingEach + 1)
	if w.parked != (parked{}) {
		t.Errorf("%+v count as waiting for a start", w.parked)
	}
}

func TestAnEventThatWasKeptOutIsTakenWhereItsSagaStartsWithinAMinute(t *testing.T) {
	w := reading(t)
	w.waits("a", "o-1")
	for i := range waitingEach + 1 {
		w.paid(fmt.Sprint("e-", i), "o-1")
	}
	w.passes(Grace - time.Second)
	got := w.listens("a", "o-1")
	w.passes(time.Hour)
	w.Settle(got...)
	if len(got) != waitingEach+1 {
		t.Errorf("it has %v once it starts", ids(got))
	}
	w.expectCommitted(waitingEach + 1)
	w.expectDead()
}

func TestAnEventThatWasKeptOutWaitsOnceThereIsRoom(t *testing.T) {
	w := newWorld(t, unsettled.Limits{Records: 4, Bytes: 1 << 20})
	w.Know(picture())
	w.Expect(nil)
	w.arranged()
	for _, name := range []string{"a", "b", "c"} {
		w.waits(name, name)
		w.paid("e-"+name, name)
	}
	w.Forget("shop", "a") // it is gone
	w.passes(time.Hour)
	w.expectIDs("c's events", w.listens("c", "c"), "e-c")
	w.expectDead()
}

func TestAllSagasThatHaveNotStartedKeepHalfOfWhatPausesFetching(t *testing.T) {
	for name, limits := range map[string]unsettled.Limits{
		"in records": {Records: 4, Bytes: 1 << 20},
		"in bytes":   {Records: 1000, Bytes: 2500}, // an event takes some 700
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, limits)
			w.Know(picture())
			w.Expect(nil)
			w.arranged()
			for i := range 3 {
				w.waits(fmt.Sprint("s-", i), fmt.Sprint("o-", i))
				w.paid(fmt.Sprint("e-", i), fmt.Sprint("o-", i))
			}
			w.passes(Grace)
			w.expectDead("saga shop/s-2 cannot take events yet, and 2 of")
			w.expectUnsettled(2)
			if w.sources["payment.events"].paused {
				t.Error("events for others are not read any more")
			}
		})
	}
}

func TestAnEventThatOneSagaHasTakenIsADeadLetterForTheOtherThatHasNoRoom(t *testing.T) {
	w := reading(t)
	w.waits("a", "o-1")
	for i := range waitingEach + 1 {
		w.paid(fmt.Sprint("e-", i), "o-1")
	}
	w.Settle(w.listens("b", "o-1")...)
	w.expectDead("saga shop/a")
	w.expectUnsettled(waitingEach)
}

func TestADeadLetterOfATopicThatIsReadNoMoreCommitsNothing(t *testing.T) {
	w := reading(t)
	w.waits("a", "o-1")
	for i := range waitingEach + 1 {
		w.paid(fmt.Sprint("e-", i), "o-1")
	}
	w.passes(time.Hour)
	w.stop(func(string) bool { return true })
	w.expectDead("saga shop/a")
	w.expectCommitted(0)
}

func TestRunSendsDeadLetters(t *testing.T) {
	w := reading(t)
	w.waits("a", "o-1")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	for i := range waitingEach + 1 {
		w.happensAt(noon.Add(-2*oldest), "payment.events", "payment.received", fmt.Sprint("e-", i), "o-1") // without a grace
	}
	kafkatest.Eventually(t, "the ninth to be a dead letter", func() bool {
		records, _ := w.Unsettled()
		return records == waitingEach
	})
	cancel()
	if err := <-ended; err != nil || len(w.dead) != 1 {
		t.Errorf("ended with %v and %d dead letters", err, len(w.dead))
	}
}
