package engine

import (
	"fmt"
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// eventsOf are the events by which the participant of an observed action tells that it succeeded, and that it failed.
func eventsOf(s v1alpha1.Step) [2]string {
	named := deref(s.Action.Events, v1alpha1.ActionEvents{})
	return [2]string{or(named.Succeeded, s.Action.Command+"-succeeded"), or(named.Failed, s.Action.Command+"-failed")}
}

// checkEvents: what a participant tells must say which of the actions it is about. An await may share an event, and has its turn.
func (p *Program) checkEvents(s v1alpha1.Step, earlier []v1alpha1.Step) error {
	if !p.observed || s.Action == nil {
		return nil
	}
	mine := eventsOf(s)
	for i, other := range earlier {
		if other.Action == nil || other.Participant != s.Participant {
			continue
		}
		for _, event := range eventsOf(other) {
			if slices.Contains(mine[:], event) {
				return fmt.Errorf("action.events: %s.%s also tells of steps[%d] (%s): in mode Observed each action needs events of its own: name them here",
					s.Participant, event, i, other.Name)
			}
		}
	}
	return nil
}
