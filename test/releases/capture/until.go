package main

import (
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func phase(p v1alpha1.SagaPhase) func(*v1alpha1.Saga) bool {
	return func(s *v1alpha1.Saga) bool { return s.Status.Phase == p }
}

func condition(kind, reason string) func(*v1alpha1.Saga) bool {
	return func(s *v1alpha1.Saga) bool {
		c := meta.FindStatusCondition(s.Status.Conditions, kind)
		return c != nil && c.Reason == reason
	}
}

func latch(l v1alpha1.Latch) func(*v1alpha1.Saga) bool {
	return func(s *v1alpha1.Saga) bool { return slices.Contains(s.Status.Latches, l) }
}

func stepOf(s *v1alpha1.Saga, name string) v1alpha1.StepStatus {
	for _, st := range s.Status.Steps {
		if st.Name == name {
			return st
		}
	}
	return v1alpha1.StepStatus{}
}

func exchange(step string, outcome v1alpha1.ExchangeOutcome) func(*v1alpha1.Saga) bool {
	return func(s *v1alpha1.Saga) bool {
		action := stepOf(s, step).Action
		return action != nil && action.Outcome == outcome
	}
}

// asked waits for a forward command that nobody has answered.
func asked(step string, round, attempt int32) func(*v1alpha1.Saga) bool {
	return func(s *v1alpha1.Saga) bool {
		x := stepOf(s, step).Action
		return x != nil && x.Outcome == v1alpha1.ExchangeWaiting && x.Round == round && x.Attempt == attempt
	}
}

// undoing waits for a backward command that nobody has answered.
func undoing(step string, round int32) func(*v1alpha1.Saga) bool {
	return func(s *v1alpha1.Saga) bool {
		x := stepOf(s, step).Compensation
		return x != nil && x.Outcome == v1alpha1.ExchangeWaiting && x.Round == round
	}
}

// undo waits for a backward command to have come to one of these.
func undo(step string, outcomes ...v1alpha1.ExchangeOutcome) func(*v1alpha1.Saga) bool {
	return func(s *v1alpha1.Saga) bool {
		x := stepOf(s, step).Compensation
		return x != nil && slices.Contains(outcomes, x.Outcome)
	}
}

// deciding waits for the step to wait for a person the n-th time.
func deciding(step string, n int32) func(*v1alpha1.Saga) bool {
	return func(s *v1alpha1.Saga) bool {
		st := stepOf(s, step)
		return st.State == v1alpha1.StepNeedsIntervention && st.Decision == n
	}
}

// byHand is a person's word that the step is done.
func byHand(step string) func(*v1alpha1.Saga) {
	return func(s *v1alpha1.Saga) {
		resolve(step, v1alpha1.ResolutionMarkDone)(s)
		s.Spec.Resolutions[len(s.Spec.Resolutions)-1].Output = raw(`{"answer":"by hand"}`)
	}
}

// resolve is a person's decision about a step that waits.
func resolve(step string, action v1alpha1.ResolutionAction) func(*v1alpha1.Saga) {
	return func(s *v1alpha1.Saga) {
		s.Spec.Resolutions = append(s.Spec.Resolutions, v1alpha1.Resolution{
			Step: step, Decision: stepOf(s, step).Decision, Action: action, By: "a person", Reason: "for the fixture",
		})
	}
}
