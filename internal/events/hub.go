// Package events reads what participants publish and keeps each event until the sagas that listen for it have dealt with it.
// It knows which topics are worth reading, whom an event concerns, and which offsets may be committed: never that of an event
// whose effect is not stored.
package events

import (
	"container/list"
	"context"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/internal/deadletter"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/unsettled"
)

// Limits of what may be unsettled of one topic before fetching pauses.
var Limits = unsettled.Limits{Records: 10_000, Bytes: 16 << 20}

const (
	// Grace is how long an event that no saga listens for is kept, in case its saga is about to be made.
	Grace = time.Minute
	// oldest is the age at which an event has no grace any more: what its saga was made from is read by then.
	oldest = time.Hour
)

// Key reads from an event, as expressions see it, what it is correlated by.
type Key interface {
	Of(event []byte) (string, error)
}

// Source is the reader of one topic.
type Source interface {
	unsettled.Source
	Run(ctx context.Context) error
	HeardUntil() time.Time
	ReadableSince() (since time.Time, ok bool)
}

// Config says what a hub works with.
type Config struct {
	Open     func(topic string, sink kafka.Sink) Source // makes a reader that begins where the installation's last one ended
	Dead     *deadletter.Queue
	Wake     func(namespace, name string) // called where a saga has an event waiting, never while a lock is held
	OnPassed func(reason string)          // called for every event that was passed over; may be nil
	Now      func() time.Time             // time.Now by default
	Limits   unsettled.Limits             // Limits by default
	Log      logr.Logger
}

// Why an event is passed over. It is somebody else's stream, so what nobody can use is no dead letter.
const (
	PassedMalformed = "Malformed" // no CloudEvent
	PassedNoKey     = "NoKey"     // what it is correlated by cannot be read from it
	PassedUnclaimed = "Unclaimed" // of a kind that is listened for, and of no saga
)

// Participant is a service whose events may be read.
type Participant struct {
	Namespace, Name string
	Topic           string
	Key             Key // nil: the event's correlation id
}

// Kind is what a definition listens for: a type of event, whatever its key.
type Kind struct{ Namespace, Participant, Type string }

// Picture says who publishes where, and what the definitions listen for that new sagas are made from.
type Picture struct {
	Participants []Participant
	Kinds        []Kind
}

// Listener is an unfinished saga, with what it listens for.
type Listener struct {
	types.NamespacedName
	UID     types.UID
	Version string // the resource version of the copy that says so
	Waits   bool   // it has not started: events for it are kept, within bounds
	For     []engine.Listening
}

// Delivery is one event that waits for one saga to deal with it.
type Delivery struct {
	Event engine.Occurred
	entry *entry
	saga  *listener
}

// place is where events and sagas meet.
type place struct {
	Kind
	key string
}

// Hub holds the events that are not settled, and knows who listens for what. Safe for concurrent use.
type Hub struct {
	cfg Config

	mu        sync.Mutex
	sources   map[string]map[string][]Participant // by topic and name
	defined   map[Kind]bool                       // what definitions listen for
	kinds     map[Kind]int                        // how many sagas listen for it
	sagas     map[types.NamespacedName]*listener
	listeners map[place][]*listener
	entries   map[place][]*entry
	fading    *list.List // of *entry, by the end of their grace
	parked    parked
	topics    map[string]*topic

	pictured bool // Know was called
	expected map[types.NamespacedName]bool
	awaited  bool                          // Expect was called
	visited  map[types.NamespacedName]bool // until then
	changed  chan struct{}
}

// New makes a hub that knows nothing yet. Run makes it read.
func New(cfg Config) *Hub {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Limits == (unsettled.Limits{}) {
		cfg.Limits = Limits
	}
	return &Hub{
		cfg: cfg, sources: map[string]map[string][]Participant{}, defined: map[Kind]bool{}, kinds: map[Kind]int{},
		sagas: map[types.NamespacedName]*listener{}, listeners: map[place][]*listener{}, entries: map[place][]*entry{},
		fading: list.New(), topics: map[string]*topic{},
		expected: map[types.NamespacedName]bool{}, visited: map[types.NamespacedName]bool{}, changed: make(chan struct{}, 1),
	}
}

// Unsettled returns how many events wait, and what they take, in bytes.
func (h *Hub) Unsettled() (records int, bytes int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics {
		n, size := t.ledger.Waiting()
		records, bytes = records+n, bytes+size
	}
	return records, bytes
}

func (h *Hub) nudge() {
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

func (h *Hub) passed(reason string) {
	if h.cfg.OnPassed != nil {
		h.cfg.OnPassed(reason)
	}
}
