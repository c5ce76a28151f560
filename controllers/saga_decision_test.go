package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// decide adds a decision to the spec, as a person does.
func (s *sagas) decide(name, step string, decision int32, action v1alpha1.ResolutionAction, by string) {
	s.t.Helper()
	s.change(name, func(saga *v1alpha1.Saga) {
		saga.Spec.Resolutions = append(saga.Spec.Resolutions, v1alpha1.Resolution{Step: step, Decision: decision, Action: action, By: by, Reason: "test"})
	})
	s.mustReconcile(name)
}

func (s *sagas) expectMessage(name, kind, want string) {
	s.t.Helper()
	c := meta.FindStatusCondition(s.get(name).Status.Conditions, kind)
	if c == nil || !strings.Contains(c.Message, want) {
		s.t.Errorf("condition %s is %+v, want a message with %q", kind, c, want)
	}
}

func TestADecisionAboutAStepThatDoesNotWaitIsSeenAndNotTaken(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.start(twoSteps("x"))
	s.decide("x", "reserve", 1, v1alpha1.ResolutionSkip, "ada")
	s.expectMessage("x", v1alpha1.ConditionReady, `Running. Not taken: Skip of step "reserve", decision 1, does not fit what it waits for`)
	version := s.get("x").ResourceVersion
	s.mustReconcile("x")
	if got := s.get("x").ResourceVersion; got != version {
		t.Error("saying so again writes the status again")
	}
}

func TestAnApprovalWaitsForTwoDifferentPeople(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	saga := twoSteps("x")
	two := int32(2)
	saga.Spec.Definition.Steps[0] = v1alpha1.Step{Name: "release", Approval: &v1alpha1.Approval{Approvers: &two, Message: "Release ${params.orderId}?"}}
	s.start(saga)
	s.expectMessage("x", v1alpha1.ConditionSuspended, "Waiting for approval: decision 1 on release")
	if got := s.get("x").Status.Steps[0].Action.Message; got != "Release o-1?" {
		t.Errorf("what is asked: %q", got)
	}
	s.decide("x", "release", 1, v1alpha1.ResolutionMarkDone, "ada")
	s.decide("x", "release", 2, v1alpha1.ResolutionMarkDone, "ada")
	s.expectMessage("x", v1alpha1.ConditionSuspended, `Not taken: MarkDone of step "release", decision 2`)
	s.change("x", func(saga *v1alpha1.Saga) { saga.Spec.Resolutions = saga.Spec.Resolutions[:1] })
	s.decide("x", "release", 2, v1alpha1.ResolutionMarkDone, "grace")
	s.flush()
	if got := s.commands("b"); len(got) != 1 || got[0] != "charge/forward/1/1" {
		t.Errorf("b was asked %v", got)
	}
}

func TestDecisionsOfOneWriteAreHandedOverByTheirNumbers(t *testing.T) {
	decided := func(step string, decision int32) v1alpha1.Resolution {
		return v1alpha1.Resolution{Step: step, Decision: decision, Action: v1alpha1.ResolutionMarkDone, By: "ada", Reason: "test"}
	}
	v := &visit{saga: &v1alpha1.Saga{}}
	v.saga.Spec.Resolutions = []v1alpha1.Resolution{decided("release", 3), decided("other", 1), decided("release", 1), decided("release", 2)}
	v.saga.Status.Steps = []v1alpha1.StepStatus{{Name: "release", Resolved: &v1alpha1.Resolved{Decision: 1}}, {Name: "other"}}
	v.requests()
	want := []engine.Event{engine.Resolve{Resolution: decided("other", 1)}, engine.Resolve{Resolution: decided("release", 2)},
		engine.Resolve{Resolution: decided("release", 3)}}
	if diff := cmp.Diff(want, v.events); diff != "" {
		t.Error(diff)
	}
}
