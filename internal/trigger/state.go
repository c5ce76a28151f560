package trigger

import (
	"errors"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
)

// State is how a trigger's reading stands: condition Ready, and the numbers of its status.
type State struct {
	Ready   metav1.Condition // without type, generation and time
	Numbers Numbers
}

// Numbers are those of a trigger's status.
type Numbers struct {
	Lag, Started, Refused int64
	Active                int32
	LastStart             time.Time // zero: never
}

// trouble is what keeps a run from taking events. Of several the first in this list is shown.
type trouble int

const (
	troubleTopic      trouble = iota // missing, or the broker cannot be read
	troubleDefinition                // not there, or not accepted
	troubleQuota
	troubleStarts // the API server makes no objects
	troubleLetters
	troubleRoom // maxActive
	troubles
)

// lingers says whether what has passed is shown for a while longer: it comes and goes with single events.
func (t trouble) lingers() bool { return t >= troubleQuota }

// why is one trouble as condition Ready shows it.
type why struct{ reason, message string }

// board knows what keeps a run from taking events. Safe for concurrent use.
type board struct {
	now    func() time.Time
	calm   time.Duration // how long what comes and goes is shown after it has passed
	notify func()        // told when what is shown may have changed; must not wait

	mu     sync.Mutex
	read   bool // everything was readable once
	stands [troubles]why
	passed [troubles]time.Time // since when the trouble has passed; zero: it has not, or never was
}

// set says that the trouble is there, or shows it otherwise.
func (b *board) set(t trouble, w why) {
	b.mu.Lock()
	changed := b.stands[t].reason != w.reason
	b.stands[t], b.passed[t] = w, time.Time{}
	b.mu.Unlock()
	if changed {
		b.notify()
	}
}

// clear says that the trouble has passed.
func (b *board) clear(t trouble) {
	b.mu.Lock()
	stood := b.stands[t] != why{}
	switch {
	case stood && t.lingers() && b.passed[t].IsZero():
		b.passed[t] = b.now()
	case stood && !t.lingers():
		b.stands[t] = why{}
	}
	b.mu.Unlock()
	if stood {
		b.notify()
	}
}

// readable takes in whether the topic can be read.
func (b *board) readable(err error) {
	switch {
	case err == nil:
		b.mu.Lock()
		b.read = true
		b.mu.Unlock()
		b.clear(troubleTopic)
		b.notify()
	case errors.Is(err, kafka.ErrTopicMissing):
		b.set(troubleTopic, why{v1alpha1.ReasonTopicMissing, "The topic does not exist; the operator creates none, and looks again within ten seconds"})
	case errors.Is(err, kafka.ErrRefused):
		b.set(troubleTopic, why{v1alpha1.ReasonBrokerUnavailable, "The broker refuses reading: its access control may have to let the operator's user read topic and group"})
	default: // without its text, which differs from one try to the next
		b.set(troubleTopic, why{v1alpha1.ReasonBrokerUnavailable, "The broker does not answer; what is to start waits"})
	}
}

// ready returns condition Ready, and when to look again although nobody notifies; zero: never.
func (b *board) ready() (condition metav1.Condition, again time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for t := range troubles {
		if passed := b.passed[t]; !passed.IsZero() {
			if end := passed.Add(b.calm); !now.Before(end) {
				b.stands[t], b.passed[t] = why{}, time.Time{}
			} else if again.IsZero() || end.Before(again) {
				again = end
			}
		}
	}
	for _, w := range b.stands {
		if w != (why{}) {
			return metav1.Condition{Status: metav1.ConditionFalse, Reason: w.reason, Message: w.message}, again
		}
	}
	if !b.read {
		return metav1.Condition{Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonPending, Message: "The topic is not read yet"}, again
	}
	return metav1.Condition{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonReading, Message: "Events are taken as they come"}, again
}
