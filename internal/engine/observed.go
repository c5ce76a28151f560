package engine

import (
	"slices"
	"strings"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// eventsOf are the events by which the participant of an observed action tells that it succeeded, and that it failed.
func eventsOf(s v1alpha1.Step) [2]string {
	named := deref(s.Action.Events, v1alpha1.ActionEvents{})
	return [2]string{or(named.Succeeded, s.Action.Command+"-succeeded"), or(named.Failed, s.Action.Command+"-failed")}
}

// checkEvents: what a participant tells must say which of the actions it is about. An await may share an event, and has its turn.
func (p *Program) checkEvents(s v1alpha1.Step, earlier []v1alpha1.Step) (wrong []error) {
	if !p.observed || s.Action == nil {
		return nil
	}
	mine := eventsOf(s)
	for i, other := range earlier {
		if other.Action == nil || other.Participant != s.Participant {
			continue
		}
		var shared []string
		for _, event := range eventsOf(other) {
			if slices.Contains(mine[:], event) {
				shared = append(shared, s.Participant+"."+event)
			}
		}
		wrong = append(wrong, unless(len(shared) == 0, "action.events: %s may also be about steps[%d] (%s): in mode Observed each action needs events of its own: "+
			"name them here", strings.Join(shared, " and "), i, other.Name)...)
	}
	return wrong
}
