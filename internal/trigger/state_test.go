package trigger

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
)

// newBoard is a board whose clock the test moves.
func newBoard() (b *board, now *time.Time, notified *int) {
	at, count := noon, 0
	return &board{now: func() time.Time { return at }, calm: 10 * time.Second, notify: func() { count++ }}, &at, &count
}

func TestTheWorstTroubleIsShown(t *testing.T) {
	b, _, _ := newBoard()
	shows := func(want string) {
		t.Helper()
		if got, _ := b.ready(); got.Reason != want {
			t.Errorf("shows %s, want %s", got.Reason, want)
		}
	}
	shows(v1alpha1.ReasonPending)
	b.readable(fmt.Errorf("looking: %w", kafka.ErrTopicMissing))
	shows(v1alpha1.ReasonTopicMissing)
	b.readable(nil)
	shows(v1alpha1.ReasonReading)
	b.set(troubleRoom, why{v1alpha1.ReasonThrottled, "full"})
	b.set(troubleDefinition, why{v1alpha1.ReasonDefinitionNotFound, "waiting"})
	shows(v1alpha1.ReasonDefinitionNotFound)
	b.clear(troubleDefinition)
	shows(v1alpha1.ReasonThrottled)
	b.readable(errors.New("away"))
	shows(v1alpha1.ReasonBrokerUnavailable)
}

func TestWhatComesAndGoesIsShownAtOnceAndUntilItHasBeenCalm(t *testing.T) {
	b, now, _ := newBoard()
	b.readable(nil)
	for range 3 { // comes and goes with each saga that ends
		b.set(troubleRoom, why{v1alpha1.ReasonThrottled, "full"})
		b.clear(troubleRoom)
		*now = now.Add(time.Second)
		if got, again := b.ready(); got.Reason != v1alpha1.ReasonThrottled || again.IsZero() {
			t.Fatalf("shows %s, to be looked at again %v", got.Reason, again)
		}
	}
	*now = now.Add(10 * time.Second)
	if got, again := b.ready(); got.Reason != v1alpha1.ReasonReading || !again.IsZero() {
		t.Errorf("after a calm time it shows %s, to be looked at again %v", got.Reason, again)
	}
}

func TestTheSameTroubleAgainTellsNobody(t *testing.T) {
	b, _, notified := newBoard()
	b.readable(errors.New("away"))
	before := *notified
	b.readable(errors.New("still away, for another reason"))
	if *notified != before {
		t.Error("a trouble that is shown already was told again")
	}
}
