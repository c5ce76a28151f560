package simulate

import (
	"fmt"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// Turn says whether services that act on their own, in a saga of mode Observed, have come to step i and have not done it yet. They
// go by what the other services have done; for what only the saga does, they wait.
func (w *World) Turn(s *Saga, i int) bool {
	state, err := s.Live()
	if err != nil || !observed(s.Definition, i) || w.acted(s, i) != "" {
		return false
	}
	for _, j := range s.shape.after[i] {
		switch {
		case observed(s.Definition, j):
			if w.acted(s, j) != engine.Succeeded {
				return false
			}
		case j >= len(state.Steps) || state.Steps[j].State != v1alpha1.StepSucceeded && state.Steps[j].State != v1alpha1.StepSkipped:
			return false
		}
	}
	return true
}

// acted is what the service of step i has come to, or empty.
func (w *World) acted(s *Saga, i int) engine.Outcome {
	return w.Books.Stored(ForwardKeyOf(s.Key, s.Definition.Steps[i].Name, engine.Forward, 1))
}

// Serve lets the service of an observed step do its action, as Execute says, and returns the event by which it tells of it. A
// service that has undone the action before does nothing and tells nothing: false.
func (w *World) Serve(s *Saga, i int) (engine.Occurred, bool) {
	def := s.Definition.Steps[i]
	m := Message{SagaUID: s.UID, SagaKey: s.Key, Command: engine.Command{
		Step: def.Name, Direction: engine.Forward, Round: 1, Attempt: 1, Participant: def.Participant, Type: def.Participant + "." + def.Action.Command,
	}}
	reply := w.Books.Judge(m, w.Now, w.Execute)
	if reply.Outcome == engine.Retry || w.acted(s, i) == "" {
		return engine.Occurred{}, false
	}
	told := v1alpha1.ActionEvents{Succeeded: def.Action.Command + "-succeeded", Failed: def.Action.Command + "-failed"}
	if e := def.Action.Events; e != nil {
		told.Succeeded, told.Failed = or(e.Succeeded, told.Succeeded), or(e.Failed, told.Failed)
	}
	event := told.Succeeded
	if reply.Outcome == engine.Failed {
		event = told.Failed
	}
	return w.Event(s, i, event, reply.Body), true
}

// Event makes an event of the participant of step i that the saga's step takes: correlated by what it listens for.
func (w *World) Event(s *Saga, i int, event string, data []byte) engine.Occurred {
	w.happened++
	participant := s.Definition.Steps[i].Participant
	e := engine.Occurred{
		Participant: participant, Type: participant + "." + event, Source: "/" + participant, ID: fmt.Sprint(w.happened), Time: w.Now, Data: data,
	}
	for _, l := range s.Run.Listens(engine.State{}) {
		if l.Participant == e.Participant && l.Type == e.Type {
			e.Key = l.Key
		}
	}
	return e
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
