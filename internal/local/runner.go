package local

import (
	"errors"
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/program"
)

// Clock tells the time.
type Clock interface{ Now() time.Time }

// Outbox is the way out of a saga.
type Outbox interface {
	// Once takes an event that is sent once and whose acknowledgement nobody waits for.
	Once(s *Saga, c engine.Command) error
	// Offer takes all that the saga has asked and not got answered, and what it announces, in place of what was offered before. What
	// was offered under the same id before is not sent again.
	Offer(s *Saga, commands []engine.Command, announcement *engine.Announcement) error
	// Acknowledged says when the broker took the command or, where that was not yet, false.
	Acknowledged(s *Saga, c engine.Command) (time.Time, bool)
	// Announced says whether the broker has the announcement.
	Announced(s *Saga, a engine.Announcement) bool
}

// Options are what a runner works with.
type Options struct {
	Installation string
	Clock        Clock
	Outbox       Outbox
	Ear          dispatch.Ear  // how well answers can be heard
	Decided      func(s *Saga) // told of each decision, before what it asks is offered; may be nil
}

// Runner runs sagas. It is not safe for concurrent use: one goroutine calls it.
type Runner struct {
	o        Options
	programs *program.Cache
}

// NewRunner returns a runner of expressions in CEL. It fails where CEL cannot be set up.
func NewRunner(o Options) (*Runner, error) {
	compiler, err := expr.New()
	if err != nil {
		return nil, fmt.Errorf("setting up expressions: %w", err)
	}
	return &Runner{o: o, programs: program.NewCache(compiler)}, nil
}

// Start starts object, which has its UID, with the definition, and takes its first decision. A saga that cannot run is Rejected.
func (r *Runner) Start(object *v1alpha1.Saga, def v1alpha1.SagaDefinitionSpec) (*Saga, error) {
	s := newSaga(r.programs, r.o.Installation, object, def)
	start := engine.Started{}
	if s.compiled != nil {
		start.InputDigest = program.InputDigest(s.compiled.Digest, s.Identity)
	}
	_, err := r.Turn(s, start)
	return s, err
}

// Check says why no saga could run the definition.
func (r *Runner) Check(def v1alpha1.SagaDefinitionSpec) error {
	_, err := r.programs.Compile(def)
	return err
}

// Turn tells the saga what happened, and what has run out or was acknowledged meanwhile, until nothing more follows from it. It
// returns one verdict per event. An error says what could not be offered; the saga is decided all the same.
func (r *Runner) Turn(s *Saga, events ...engine.Event) ([]engine.Verdict, error) {
	given := len(events)
	events = append(events[:given:given], r.gather(s)...)
	verdicts, err := r.decide(s, events)
	for latest := verdicts; err == nil && slices.Contains(latest, engine.Applied); {
		if events = r.gather(s); len(events) == 0 {
			break
		}
		latest, err = r.decide(s, events)
	}
	return verdicts[:given], err
}

// decide takes one decision, and offers what follows from it.
func (r *Runner) decide(s *Saga, events []engine.Event) ([]engine.Verdict, error) {
	before := s.State()
	verdicts := s.decide(r.o.Clock.Now(), events)
	if r.o.Decided != nil {
		r.o.Decided(s)
	}
	return verdicts, r.offer(s, before)
}

// gather returns the timers that have run out, and what the broker has acknowledged since.
func (r *Runner) gather(s *Saga) []engine.Event {
	var events []engine.Event
	for _, t := range s.Timers() {
		if r.silence(s, t).Expired {
			events = append(events, engine.Fired{Timer: t})
		}
	}
	for _, c := range s.Pending() {
		if _, ok := r.o.Outbox.Acknowledged(s, c); ok && c.Publish {
			events = append(events, engine.Published{Step: c.Step, Direction: c.Direction})
		}
	}
	if a, ok := engine.Announce(s.State()); ok && s.State().EndTime == nil && r.o.Outbox.Announced(s, a) {
		events = append(events, engine.Published{Intervention: a.Number})
	}
	return events
}

func (r *Runner) offer(s *Saga, before engine.State) error {
	var announcement *engine.Announcement
	if a, ok := engine.Announce(s.State()); ok {
		announcement = &a
	}
	var errs []error
	for _, c := range s.once(before) {
		errs = append(errs, r.o.Outbox.Once(s, c))
	}
	errs = append(errs, r.o.Outbox.Offer(s, s.Pending(), announcement))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sending what saga %q asks: %w", s.Object.Name, err)
	}
	return nil
}

// Due is when the saga's next timer runs out, as far as is known now; false: none will.
func (r *Runner) Due(s *Saga) (time.Time, bool) {
	var due time.Time
	for _, t := range s.Timers() {
		silence := r.silence(s, t)
		if silence.Expired {
			silence.Due = r.o.Clock.Now()
		}
		if !silence.Due.IsZero() && (due.IsZero() || silence.Due.Before(due)) {
			due = silence.Due
		}
	}
	return due, !due.IsZero()
}

// silence judges a timer. A timer that something else has to begin has no due time.
func (r *Runner) silence(s *Saga, t engine.Timer) dispatch.Silence {
	now := r.o.Clock.Now()
	switch t.Kind {
	case engine.TimerBackoff, engine.TimerDue:
		return dispatch.Silence{Expired: !now.Before(t.At), Due: t.At}
	case engine.TimerDeadline, engine.TimerAwait:
		return dispatch.ListenUntil(r.o.Ear, t.At, now)
	case engine.TimerAttempt:
		c := engine.Command{Step: t.Step, Direction: t.Direction, Round: t.Round, Attempt: t.Attempt}
		if acked, ok := r.o.Outbox.Acknowledged(s, c); ok {
			return dispatch.Listen(r.o.Ear, acked, t.Timeout, now)
		}
	}
	return dispatch.Silence{}
}
