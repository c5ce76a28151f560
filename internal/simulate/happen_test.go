package simulate

import (
	"fmt"
	"slices"
	"strings"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// happen lets an event happen that the saga listens for, or nearly; or one that has happened is read again.
func (c *chaos) happen() {
	state, err := c.saga.Live()
	must(err)
	listens := c.saga.Run.Listens(state)
	if len(listens) == 0 {
		return
	}
	l := pick(c.tape, listens...)
	if c.observes(l.Type) {
		return // that is for services to say
	}
	e := engine.Occurred{Participant: l.Participant, Type: l.Type, Key: l.Key, Data: []byte(pick(c.tape, `{"status":"paid"}`, `{}`, ``))}
	if c.oneIn(6) {
		e.Key += "x"
	}
	c.occur(e)
}

// observes says whether a message tells of an action in mode Observed.
func (c *chaos) observes(messageType string) bool {
	return strings.Contains(messageType, ".do-")
}

// occur puts an event where the saga's manager reads it, sometimes twice.
func (c *chaos) occur(e engine.Occurred) {
	c.events++
	e.Source, e.ID, e.Time = "/"+e.Participant, fmt.Sprint(c.events), c.world.Now
	c.tell("it happens: %s %s %s", e.Type, e.Key, e.Data)
	c.saga.Events = append(c.saga.Events, e)
	if !c.calm && c.oneIn(4) {
		c.saga.Events = append(c.saga.Events, e)
	}
}

// serve lets a service do, on its own, the action of an observed step whose turn it is.
func (c *chaos) serve() {
	if c.saga.Definition.Mode != v1alpha1.ModeObserved {
		return
	}
	state, err := c.saga.Live()
	must(err)
	if i := c.number(len(c.saga.Definition.Steps)); c.saga.Definition.Steps[i].Action != nil && c.turnOf(state, i) {
		c.act(i)
	}
}

// turnOf says whether services have come to step i: they do not ask the saga.
func (c *chaos) turnOf(state engine.State, i int) bool {
	if c.acted(i) != "" {
		return false
	}
	for _, j := range c.saga.shape.after[i] {
		switch {
		case c.saga.Definition.Steps[j].Action != nil:
			if c.acted(j) != engine.Succeeded {
				return false
			}
		case j >= len(state.Steps) || state.Steps[j].State != v1alpha1.StepSucceeded && state.Steps[j].State != v1alpha1.StepSkipped:
			return false
		}
	}
	return true
}

// acted is what the service of step i has come to, or empty.
func (c *chaos) acted(i int) engine.Outcome {
	return c.world.Books.Stored(ForwardKeyOf(c.saga.Key, c.saga.Definition.Steps[i].Name, engine.Forward, 1))
}

// act does an action, once; a service that has undone it before does nothing and says nothing.
func (c *chaos) act(i int) {
	s := c.saga.Definition.Steps[i]
	m := Message{SagaUID: c.saga.UID, SagaKey: c.saga.Key, Command: engine.Command{Step: s.Name, Direction: engine.Forward, Round: 1, Attempt: 1}}
	reply := c.world.Books.Judge(m, c.world.Now, c.world.Execute)
	if reply.Outcome == engine.Retry || c.acted(i) == "" {
		return
	}
	e := engine.Occurred{Participant: s.Participant, Type: s.Participant + "." + s.Action.Command + "-succeeded", Key: "order-1", Data: reply.Body}
	if string(reply.Body) == "no json" {
		e.Data = nil // the edge hands on nothing else
	}
	if reply.Outcome == engine.Failed {
		e.Type = s.Participant + "." + s.Action.Command + "-failed"
	}
	c.occur(e)
}

// behave lets happen, in a calm world, all that the saga waits for.
func (c *chaos) behave() {
	state, err := c.saga.Live()
	must(err)
	for i := range state.Steps {
		st, def := &state.Steps[i], c.saga.Definition.Steps[i]
		if c.saga.Definition.Mode == v1alpha1.ModeObserved && def.Action != nil && c.turnOf(state, i) {
			c.act(i)
		}
		if st.State != v1alpha1.StepRunning {
			continue
		}
		if def.Await != nil && len(c.saga.Events) == 0 && c.oneIn(2) {
			c.occur(engine.Occurred{Participant: def.Participant, Type: def.Participant + "." + def.Await.Event,
				Key: cmpOr(def.Await.Key, "order-1"), Data: []byte(`{"status":"paid"}`)})
		}
		if def.Approval != nil && !c.decided(st.Name, st.Decision) {
			by := pick(c.tape, "me", "you")
			if slices.Contains(st.ApprovedBy, by) {
				by = "they"
			}
			c.saga.Spec.Resolutions = append(c.saga.Spec.Resolutions, v1alpha1.Resolution{
				Step: st.Name, Decision: st.Decision, By: by, Reason: "why not", Action: v1alpha1.ResolutionMarkDone,
			})
		}
	}
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
