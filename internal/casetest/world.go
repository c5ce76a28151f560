package casetest

import (
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/local"
)

// Seen is a message that the saga sent.
type Seen struct {
	engine.Command
	At time.Duration // since the start
}

// world is all around one saga: the clock, the broker, the participants and whatever else happens.
type world struct {
	begin, now time.Time
	script     *Script
	def        *v1alpha1.SagaDefinitionSpec
	sent       []Seen
	sentAt     map[string]time.Time // by the command's key
	queue      []scheduled          // by time, and in the order of scheduling
	trace      []string
	problems   []string
	phase      v1alpha1.SagaPhase            // as it was told last
	stepStates map[string]v1alpha1.StepState // likewise
}

// scheduled is something that will happen: an answer, or a happening of the case.
type scheduled struct {
	at        time.Time
	what      string // of an answer
	event     engine.Event
	happening *happening
}

func newWorld(begin time.Time, script *Script, def *v1alpha1.SagaDefinitionSpec) *world {
	return &world{begin: begin, now: begin, script: script, def: def, sentAt: map[string]time.Time{}, stepStates: map[string]v1alpha1.StepState{}}
}

// Now is the case's time.
func (w *world) Now() time.Time { return w.now }

// ReadableSince says that answers can be heard all the time.
func (w *world) ReadableSince() (time.Time, bool) { return w.begin, true }

// HeardUntil says that everything that was answered is known.
func (w *world) HeardUntil() time.Time { return w.now }

// Offer sends what was not sent before: the broker acknowledges at once, and the participant begins to answer.
func (w *world) Offer(_ *local.Saga, commands []engine.Command, _ *engine.Announcement) error {
	for _, c := range commands {
		if _, ok := w.sentAt[c.Key()]; ok {
			continue
		}
		w.send(c)
		if !c.Publish {
			w.ask(c)
		}
	}
	return nil
}

// Once sends an event.
func (w *world) Once(_ *local.Saga, c engine.Command) error {
	w.send(c)
	return nil
}

func (w *world) send(c engine.Command) {
	w.sentAt[c.Key()] = w.now
	w.sent = append(w.sent, Seen{Command: c, At: w.now.Sub(w.begin)})
	w.tell("sends %s %s", describe(c), c.Data)
}

// Acknowledged says when the command was sent.
func (w *world) Acknowledged(_ *local.Saga, c engine.Command) (time.Time, bool) {
	at, ok := w.sentAt[c.Key()]
	return at, ok
}

// Announced says that announcements arrive at once.
func (w *world) Announced(*local.Saga, engine.Announcement) bool { return true }

// ask has the participant answer.
func (w *world) ask(c engine.Command) {
	reply, ok := w.reply(Asked{Step: c.Step, Direction: c.Direction, Round: c.Round, Attempt: c.Attempt})
	if !ok {
		return
	}
	w.schedule(w.now.Add(reply.After), scheduled{
		what: fmt.Sprintf("%s answers %s %s to %s", c.Participant, reply.Outcome, reply.Body, describe(c)),
		event: engine.Replied{
			Step: c.Step, Direction: c.Direction, Round: c.Round, Attempt: c.Attempt, Outcome: reply.Outcome, Body: reply.Body,
			DataSchema: reply.DataSchema,
		},
	})
}

// reply is what the script says is answered; false: nothing is.
func (w *world) reply(asked Asked) (Reply, bool) {
	reply, err := w.script.Answer(asked, w.def)
	if err != nil {
		w.problem("%v", err)
	}
	return reply, err == nil && !reply.Silent
}

func (w *world) step(name string) *v1alpha1.Step {
	i := slices.IndexFunc(w.def.Steps, func(s v1alpha1.Step) bool { return s.Name == name })
	return &w.def.Steps[i] // the saga runs this definition
}

func (w *world) schedule(at time.Time, e scheduled) {
	if e.at = at; at.Before(w.now) {
		e.at = w.now
	}
	i := len(w.queue)
	for i > 0 && w.queue[i-1].at.After(e.at) {
		i--
	}
	w.queue = slices.Insert(w.queue, i, e)
}

func (w *world) tell(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%8s  %s", w.now.Sub(w.begin), fmt.Sprintf(format, args...)))
}

func (w *world) problem(format string, args ...any) {
	w.problems = append(w.problems, fmt.Sprintf(format, args...))
}

// describe names a message for people.
func describe(c engine.Command) string {
	text := c.Type + " (" + c.Step
	if c.Direction == engine.Backward {
		text += ", undoing"
	}
	if c.Round > 1 {
		text += fmt.Sprintf(", round %d", c.Round)
	}
	if c.Attempt > 1 {
		text += fmt.Sprintf(", attempt %d", c.Attempt)
	}
	return text + ")"
}
