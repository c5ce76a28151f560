// Package topicwatch asks the broker for the topics that participants and the installation need, all of them in one
// request, and tells whose situation has changed. It writes nothing: participants have one condition each, readyz has a
// text, and no saga is touched when the broker comes and goes.
package topicwatch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
)

// Look asks the broker for topics: those that do not exist are in the answer as such, or absent from it.
type Look func(ctx context.Context, names ...string) (map[string]kafka.Topic, error)

// Options of a Watch. Zero durations are replaced by defaults.
type Options struct {
	Look   Look          // one question for all topics; must not answer from an old picture
	Reader client.Reader // lists the participants; the cache
	Own    []string      // topics of the installation: readyz fails without them
	Found  func()        // told when topics were found that were missing, or the broker answers again; may be nil

	Every     time.Duration // between two looks; 30 s
	AwayEvery time.Duration // between two looks while the broker is away, or the installation's topics are; 5 s
	AtLeast   time.Duration // between two looks that were asked for; 1 s
	Log       logr.Logger
}

// Watch knows which topics exist. It runs in every manager, leading or not, since readyz is asked of each.
type Watch struct {
	o     Options
	nudge chan struct{}

	mu        sync.Mutex
	picture   picture
	refused   map[string]string // by topic: what the broker said to messages
	listeners []func(types.NamespacedName)
}

// New returns a watch; Start runs it.
func New(o Options) *Watch {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{{&o.Every, 30 * time.Second}, {&o.AwayEvery, 5 * time.Second}, {&o.AtLeast, time.Second}} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	return &Watch{o: o, nudge: make(chan struct{}, 1), refused: map[string]string{}}
}

// NeedLeaderElection says that the watch runs in every manager.
func (w *Watch) NeedLeaderElection() bool { return false }

// Start looks at once, then regularly and whenever it is asked to, until ctx is done.
func (w *Watch) Start(ctx context.Context) error {
	for {
		w.look(ctx)
		if !w.pause(ctx) {
			return nil
		}
	}
}

// pause waits until the next look is due; false: ctx is done.
func (w *Watch) pause(ctx context.Context) bool {
	every := w.o.Every
	if w.away() {
		every = w.o.AwayEvery
	}
	due, soonest := time.NewTimer(every), time.NewTimer(w.o.AtLeast)
	defer due.Stop()
	defer soonest.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-soonest.C: // the storm of nudges that an outage brings costs one look a second
	}
	select {
	case <-ctx.Done():
		return false
	case <-due.C:
	case <-w.nudge:
	}
	return true
}

// Nudge asks for a look soon. It never waits.
func (w *Watch) Nudge() {
	select {
	case w.nudge <- struct{}{}:
	default: // a look is asked for already
	}
}

// Trouble takes in that a topic refuses messages, or (nil) takes them again, and looks soon. It never waits.
func (w *Watch) Trouble(topic string, err error) {
	w.mu.Lock()
	if errors.Is(err, kafka.ErrRefused) {
		w.refused[topic] = err.Error()
	} else {
		delete(w.refused, topic)
	}
	w.mu.Unlock()
	w.Nudge()
}

// Subscribe registers who is told of participants whose topics look different now. Tell must not wait.
func (w *Watch) Subscribe(tell func(participant types.NamespacedName)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listeners = append(w.listeners, tell)
}

// Judge says what is known of a participant's topics. One that has not been looked at is looked at soon.
func (w *Watch) Judge(topics v1alpha1.ParticipantTopics) Verdict {
	w.mu.Lock()
	verdict := w.picture.judge(topics)
	w.mu.Unlock()
	if verdict.Reason == v1alpha1.ReasonPending {
		w.Nudge()
	}
	return verdict
}

// Ready is nil once the topics of the installation are there; else it says what is missing.
func (w *Watch) Ready() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.picture.ready(w.o.Own)
}

func (w *Watch) away() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.picture.ready(w.o.Own) != nil
}

// look takes a new picture and tells whose situation it changes.
func (w *Watch) look(ctx context.Context) {
	var participants v1alpha1.SagaParticipantList
	if err := w.o.Reader.List(ctx, &participants); err != nil {
		w.o.Log.Error(err, "Listing participants") // the installation's own topics matter all the same
	}
	next := w.ask(ctx, w.names(participants.Items))
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	next.refused = maps.Clone(w.refused)
	before := w.picture
	w.picture = next
	listeners := slices.Clone(w.listeners)
	w.mu.Unlock()
	w.log(before, next)
	if w.o.Found != nil && next.betterThan(before) {
		w.o.Found()
	}
	for i := range participants.Items {
		p := &participants.Items[i]
		if before.judge(p.Spec.Topics) == next.judge(p.Spec.Topics) {
			continue
		}
		for _, tell := range listeners {
			tell(client.ObjectKeyFromObject(p))
		}
	}
}

// names are the topics to ask for, each once.
func (w *Watch) names(participants []v1alpha1.SagaParticipant) []string {
	names := map[string]bool{}
	for _, own := range w.o.Own {
		names[own] = true
	}
	for i := range participants {
		for _, name := range needed(participants[i].Spec.Topics) {
			names[name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

func (w *Watch) ask(ctx context.Context, names []string) picture {
	topics, err := w.o.Look(ctx, names...)
	if err != nil {
		return picture{looked: true, err: fmt.Errorf("looking at topics: %w", err)}
	}
	next := picture{looked: true, exists: make(map[string]bool, len(names)), hidden: map[string]bool{}}
	for _, name := range names {
		next.exists[name], next.hidden[name] = topics[name].Exists, topics[name].Hidden
	}
	return next
}

func (w *Watch) log(before, next picture) {
	was, is := before.ready(w.o.Own), next.ready(w.o.Own)
	switch {
	case is == nil && was != nil:
		w.o.Log.Info("The broker answers, and the installation's topics are there")
	case is != nil && (!before.looked || was == nil || was.Error() != is.Error()):
		w.o.Log.Info("Kafka cannot be used; looking again", "reason", is.Error())
	}
}
