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
	if e.ID == "" {
		c.events++
		e.Source, e.ID, e.Time = "/"+e.Participant, fmt.Sprint("outside-", c.events), c.world.Now
	}
	c.tell("it happens: %s %s %s", e.Type, e.Key, e.Data)
	c.saga.Events = append(c.saga.Events, e)
	if !c.calm && c.oneIn(4) {
		c.saga.Events = append(c.saga.Events, e)
	}
}

// serve lets a service do, on its own, the action of an observed step whose turn it is.
func (c *chaos) serve() {
	if i := c.number(len(c.saga.Definition.Steps)); c.world.Turn(c.saga, i) {
		c.act(i)
	}
}

// act does an action, once.
func (c *chaos) act(i int) {
	e, ok := c.world.Serve(c.saga, i)
	if !ok {
		return
	}
	if string(e.Data) == "no json" {
		e.Data = nil // the edge hands on nothing else
	}
	c.occur(e)
}

// behave lets happen, in a calm world, all that the saga waits for.
func (c *chaos) behave() {
	state, err := c.saga.Live()
	must(err)
	for i := range state.Steps {
		st, def := &state.Steps[i], c.saga.Definition.Steps[i]
		if c.world.Turn(c.saga, i) {
			c.act(i)
		}
		if st.State != v1alpha1.StepRunning {
			continue
		}
		if def.Await != nil && len(c.saga.Events) == 0 && c.oneIn(2) {
			c.occur(c.world.Event(c.saga, i, def.Await.Event, []byte(`{"status":"paid"}`)))
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
