package simulate

import (
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// shape is what waits for what in a definition, read from it anew: the engine's own reading is what is to be judged.
type shape struct {
	after     [][]int // by step: those that must be done before it starts
	ancestors [][]int // likewise, directly and indirectly
}

func shapeOf(def v1alpha1.SagaDefinitionSpec) shape {
	s := shape{after: make([][]int, len(def.Steps)), ancestors: make([][]int, len(def.Steps))}
	isGraph := slices.ContainsFunc(def.Steps, func(s v1alpha1.Step) bool { return len(s.DependsOn) > 0 })
	for i, step := range def.Steps {
		for j, earlier := range def.Steps[:i] {
			if !isGraph && j == i-1 || slices.Contains(step.DependsOn, earlier.Name) || isGraph && barrier(earlier, step) {
				s.after[i] = append(s.after[i], j)
			}
		}
		s.ancestors[i] = slices.Clone(s.after[i])
		for _, j := range s.after[i] {
			s.ancestors[i] = append(s.ancestors[i], s.ancestors[j]...)
		}
		slices.Sort(s.ancestors[i])
		s.ancestors[i] = slices.Compact(s.ancestors[i])
	}
	return s
}

// barrier says whether a step waits for an earlier one whatever it says: the pivot for all before it, all after it for the
// pivot, and what must succeed for all that can be undone.
func barrier(earlier, step v1alpha1.Step) bool {
	undoable := earlier.Recovery == v1alpha1.RecoveryCompensatable || earlier.Recovery == ""
	switch step.Recovery {
	case v1alpha1.RecoveryPivot:
		return true
	case v1alpha1.RecoveryRetriable:
		return undoable || earlier.Recovery == v1alpha1.RecoveryPivot
	case v1alpha1.RecoveryCompensatable:
	}
	return false
}

// descendants are the steps that wait for step i, directly or indirectly.
func (s shape) descendants(i int) []int {
	var all []int
	for j := i + 1; j < len(s.ancestors); j++ {
		if slices.Contains(s.ancestors[j], i) {
			all = append(all, j)
		}
	}
	return all
}

// undone says whether a step has something that undoes it.
func undone(s v1alpha1.Step) bool {
	return s.Compensation != nil && s.Compensation.Policy != v1alpha1.CompensationNone
}

// observed says whether a step of the definition is done by services on their own.
func observed(def v1alpha1.SagaDefinitionSpec, i int) bool {
	return def.Mode == v1alpha1.ModeObserved && def.Steps[i].Action != nil
}

// silent says whether doing a step sends nothing: it waits for an event, a time or a person.
func silent(def v1alpha1.SagaDefinitionSpec, i int) bool {
	s := def.Steps[i]
	return s.Await != nil || s.Delay != nil || s.Approval != nil || observed(def, i)
}
