package engine

import (
	"cmp"
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Decisions are the resolutions that were not taken yet, as events: in the order of their numbers, whatever the order in which they were
// written, so that two that follow each other are taken in one decision.
func Decisions(steps []v1alpha1.StepStatus, resolutions []v1alpha1.Resolution) []Event {
	byNumber := func(a, b v1alpha1.Resolution) int { return cmp.Compare(a.Decision, b.Decision) }
	var events []Event
	for _, resolution := range slices.SortedStableFunc(slices.Values(resolutions), byNumber) {
		if !taken(steps, resolution) {
			events = append(events, Resolve{Resolution: resolution})
		}
	}
	return events
}

func taken(steps []v1alpha1.StepStatus, resolution v1alpha1.Resolution) bool {
	i := slices.IndexFunc(steps, func(s v1alpha1.StepStatus) bool { return s.Name == resolution.Step })
	return i >= 0 && steps[i].Resolved != nil && steps[i].Resolved.Decision >= resolution.Decision
}
