package casetest

import (
	"cmp"
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/local"
)

// TypesOf are the types of the events by which the participant of an observed step tells what came of it.
func TypesOf(step *v1alpha1.Step) (succeeded, failed string) {
	events := v1alpha1.ActionEvents{}
	if step.Action.Events != nil {
		events = *step.Action.Events
	}
	succeeded = step.Participant + "." + cmp.Or(events.Succeeded, step.Action.Command+"-succeeded")
	return succeeded, step.Participant + "." + cmp.Or(events.Failed, step.Action.Command+"-failed")
}

// Observe has the participants of observed steps that have just started act by themselves: what the script has them answer is an
// event. Steps whose events the case names are left to these.
func (p *play) observe(s *local.Saga) {
	if !s.Observed() {
		return
	}
	for _, state := range s.State().Steps {
		step := p.step(state.Name)
		if state.State != v1alpha1.StepRunning || step.Action == nil || state.Action == nil || p.observed[state.Name] {
			continue
		}
		p.observed[state.Name] = true
		succeeded, failed := TypesOf(step)
		if slices.ContainsFunc(p.k.Events, func(e Event) bool { return e.Type == succeeded || e.Type == failed }) {
			continue
		}
		reply, ok := p.reply(Asked{Step: step.Name, Direction: engine.Forward, Round: state.Action.Round, Attempt: state.Action.Attempt})
		if !ok {
			continue
		}
		kind := succeeded
		if reply.Outcome != engine.Succeeded {
			kind = failed
		}
		p.schedule(p.now.Add(reply.After), scheduled{event: engine.Occurred{
			Participant: step.Participant, Type: kind, Key: keyOf(s, kind), Source: "/" + step.Participant, ID: "of-" + step.Name,
			CorrelationID: s.Identity.BusinessKey, DataSchema: reply.DataSchema, Data: reply.Body,
		}})
	}
}

// keyOf is what events of the type must be correlated by for the saga to take them.
func keyOf(s *local.Saga, kind string) string {
	for _, l := range s.Listens() {
		if l.Type == kind {
			return l.Key
		}
	}
	return s.Identity.BusinessKey
}
