package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Command is what a participant is asked, or an event that is to be published.
type Command struct {
	Step        string
	Direction   Direction
	Round       int32
	Attempt     int32
	Participant string
	Type        string        // <participant>.<command or event>
	Publish     bool          // an event: nobody answers it
	Observed    bool          // backward, where doing the step sends no command: the participant has no row of it, and undoes all the same
	Data        []byte        // a JSON object
	Time        time.Time     // when the attempt was decided, whole seconds, UTC
	Expiry      time.Time     // zero: never
	Timeout     time.Duration // of the attempt; zero for an event
	UndoesRound int32         // backward only: the last forward round that was sent, perhaps by the run that is adopted
	Adopts      bool
	CausedBy    string // <step>/<direction>/<round>/<attempt>; empty: no command led to it
}

// Key is the command's place within its saga: <step>/<direction>/<round>/<attempt>.
func (c Command) Key() string { return commandKey(c.Step, c.Direction, c.Round, c.Attempt) }

func commandKey(step string, dir Direction, round, attempt int32) string {
	return fmt.Sprintf("%s/%s/%d/%d", step, dir, round, attempt)
}

// Pending returns what is asked and not answered, in the definition's order. It follows from stored state alone: the same
// state always gives the same bytes. An error says which input cannot be rendered, which only a changed
// definition or state can cause; the other commands are returned all the same.
func (r Run) Pending(s State) ([]Command, error) {
	if s.StartTime == nil || s.EndTime != nil || !r.fits(&s) {
		return nil, nil
	}
	var commands []Command
	var failures []error
	add := func(i int, dir Direction, c *call, x *v1alpha1.Exchange) {
		if x == nil || c == nil || x.Outcome != v1alpha1.ExchangeWaiting {
			return
		}
		command, err := r.command(&s, i, dir, c, x)
		if err != nil {
			failures = append(failures, err)
			return
		}
		commands = append(commands, command)
	}
	for i := range s.Steps {
		add(i, Forward, r.call(i, Forward), s.Steps[i].Action)
		add(i, Backward, r.call(i, Backward), s.Steps[i].Compensation)
	}
	return commands, errors.Join(failures...)
}

// Once returns the events that a decision has made and that may be sent only once: by whoever has stored after, and never
// again. before is what the decision was made on.
func (r Run) Once(before, after State) ([]Command, error) {
	if after.StartTime == nil || !r.fits(&after) {
		return nil, nil
	}
	var commands []Command
	var failures []error
	for i := range after.Steps {
		x := after.Steps[i].Action
		if !r.Program.steps[i].once || x == nil || neverSent(x) || i < len(before.Steps) && before.Steps[i].Action != nil {
			continue
		}
		command, err := r.command(&after, i, Forward, &r.Program.steps[i].action, x)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		commands = append(commands, command)
	}
	return commands, errors.Join(failures...)
}

func (r Run) command(s *State, i int, dir Direction, c *call, x *v1alpha1.Exchange) (Command, error) {
	st, def := &s.Steps[i], &r.Program.steps[i]
	data, err := c.input.Render(r.values(s))
	if err != nil {
		return Command{}, fmt.Errorf("rendering the input of %s: %w", commandKey(st.Name, dir, x.Round, x.Attempt), err)
	}
	command := Command{
		Step: st.Name, Direction: dir, Round: x.Round, Attempt: x.Attempt,
		Participant: def.participant, Type: c.messageType, Publish: c.publish, Data: data,
		Timeout: c.timeout, Adopts: x.Adopts, CausedBy: x.CausedBy,
	}
	if x.StartTime != nil {
		command.Time = x.StartTime.UTC()
	}
	if x.ExpiryTime != nil {
		command.Expiry = x.ExpiryTime.UTC()
	}
	if dir == Backward && !c.publish {
		command.Observed = !r.asks(i)
		command.UndoesRound = 1 // of the lost run, where this one sent none
		if st.Action != nil {
			command.UndoesRound = st.Action.Round
		}
	}
	return command, nil
}

// Announcement is the event that tells the world of a saga's end, or of its wait for a person.
type Announcement struct {
	Outcome string // completed, compensated or needs-intervention
	Number  int32  // 1 for an end; the intervention's number for a wait
	Time    time.Time
}

// Announce returns what is to be announced: a wait for a person until the broker has acknowledged it, and the end, which
// is announced until the saga is settled (its finalizer gone). The end of a saga that did nothing, since its key is
// another's, is not announced: the events of a key tell of the saga that has it.
func Announce(s State) (Announcement, bool) {
	switch {
	case s.EndTime != nil && didNothing(&s):
		return Announcement{}, false
	case s.EndTime != nil && s.Cause == nil:
		return Announcement{Outcome: "completed", Number: 1, Time: s.EndTime.UTC()}, true
	case s.EndTime != nil:
		return Announcement{Outcome: "compensated", Number: 1, Time: s.EndTime.UTC()}, true
	case s.Interventions > s.Announced && s.InterventionTime != nil && len(waiting(&s)) > 0:
		return Announcement{Outcome: "needs-intervention", Number: s.Interventions, Time: s.InterventionTime.UTC()}, true
	}
	return Announcement{}, false
}

// didNothing says whether the saga turned back because another has its key, before it had any effect.
func didNothing(s *State) bool {
	if s.Cause == nil || s.Cause.Code != v1alpha1.CodeKeyUsed {
		return false
	}
	return !slices.ContainsFunc(s.Steps, func(st v1alpha1.StepStatus) bool {
		return st.State != v1alpha1.StepNotStarted && st.State != v1alpha1.StepFailed
	})
}

// waiting returns the indices of the steps that wait for a person.
func waiting(s *State) []int {
	var indices []int
	for i := range s.Steps {
		if s.Steps[i].State == v1alpha1.StepNeedsIntervention {
			indices = append(indices, i)
		}
	}
	return indices
}
