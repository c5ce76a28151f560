package events

import (
	"context"
	"slices"
	"time"

	"github.com/sagas-dev/saga-operator/internal/replies"
	"github.com/sagas-dev/saga-operator/internal/unsettled"
)

// topic is one that is read.
type topic struct {
	name   string
	source Source
	ledger *unsettled.Ledger
	end    context.CancelFunc
	ended  chan struct{}
}

// Run reads the topics that somebody listens on, and sends dead letters, until ctx is done. It begins once everybody is known
// who may listen.
func (h *Hub) Run(ctx context.Context) error {
	letters := make(chan error, 1)
	go func() { letters <- h.cfg.Dead.Run(ctx) }()
	for ctx.Err() == nil {
		h.rest(ctx, h.Tend(ctx))
	}
	h.stop(func(string) bool { return true })
	return <-letters
}

// Tend does what is to be done now: it starts and stops readers, and lets events go whose grace is over. It returns when to
// look again; zero: once something has changed. Run calls it.
func (h *Hub) Tend(ctx context.Context) (next time.Time) {
	h.arrange(ctx)
	return h.sweep()
}

func (h *Hub) rest(ctx context.Context, until time.Time) {
	var due <-chan time.Time
	if !until.IsZero() {
		timer := time.NewTimer(max(until.Sub(h.cfg.Now()), time.Millisecond))
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-h.changed:
	case <-due:
	}
}

// arrange starts and stops readers, so that the topics are read on which somebody listens, and no others.
func (h *Hub) arrange(ctx context.Context) {
	wanted, whole := h.wanted()
	if !whole {
		return
	}
	h.stop(func(name string) bool { return !wanted[name] })
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range wanted {
		if h.topics[name] == nil {
			h.start(ctx, name)
		}
	}
}

// wanted returns the topics of the participants that a definition or an unfinished saga listens for.
func (h *Hub) wanted() (topics map[string]bool, whole bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	type service struct{ namespace, name string }
	heard := map[service]bool{}
	for kind := range h.defined {
		heard[service{kind.Namespace, kind.Participant}] = true
	}
	for kind := range h.kinds {
		heard[service{kind.Namespace, kind.Participant}] = true
	}
	topics = map[string]bool{}
	for name, participants := range h.sources {
		for _, namesakes := range participants {
			for _, p := range namesakes {
				topics[name] = topics[name] || heard[service{p.Namespace, p.Name}]
			}
		}
		if !topics[name] {
			delete(topics, name)
		}
	}
	return topics, h.whole()
}

func (h *Hub) start(ctx context.Context, name string) {
	t := &topic{name: name, ended: make(chan struct{}), ledger: unsettled.New(h.cfg.Limits)}
	t.source = h.cfg.Open(name, sink{Hub: h, topic: t})
	t.ledger.Attach(t.source)
	ctx, t.end = context.WithCancel(ctx)
	h.topics[name] = t
	h.cfg.Log.Info("Reading events", "topic", name)
	go func() {
		defer close(t.ended)
		if err := t.source.Run(ctx); err != nil {
			h.cfg.Log.Error(err, "Reading events ended", "topic", name)
		}
	}()
}

// stop ends readers and forgets what they have read and nobody has dealt with: it is read again when it is wanted again.
func (h *Hub) stop(which func(name string) bool) {
	h.mu.Lock()
	var stopped []*topic
	for name, t := range h.topics {
		if which(name) {
			stopped = append(stopped, t)
			delete(h.topics, name)
		}
	}
	h.mu.Unlock()
	for _, t := range stopped {
		t.end()
	}
	for _, t := range stopped { // each takes a while where the broker is away
		<-t.ended
		h.cfg.Log.Info("Reading events no longer", "topic", t.name)
		h.abandon(t)
	}
}

// abandon forgets the events of a topic, without committing them.
func (h *Hub) abandon(t *topic) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, entries := range h.entries {
		for _, e := range slices.Clone(entries) {
			if e.topic != t {
				continue
			}
			for l := range e.waiting {
				h.release(l, e)
			}
			h.remove(e)
		}
	}
}

// Heard says, by topic, until when its events are known. Take events after it, never before: whoever took them first could miss
// one that is read in between, and still believe to have heard everything.
func (h *Hub) Heard() map[string]replies.Heard {
	h.mu.Lock()
	sources := make(map[string]Source, len(h.topics))
	for name, t := range h.topics {
		sources[name] = t.source
	}
	h.mu.Unlock()
	heard := make(map[string]replies.Heard, len(sources))
	for name, source := range sources {
		known := replies.Heard{Until: source.HeardUntil()}
		if since, ok := source.ReadableSince(); ok {
			known.ReadableSince = since
		}
		heard[name] = known
	}
	return heard
}
