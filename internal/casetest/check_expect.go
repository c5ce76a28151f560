package casetest

import (
	"fmt"
	"maps"
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

var phases = []v1alpha1.SagaPhase{
	v1alpha1.PhaseCompleted, v1alpha1.PhaseCompensated, v1alpha1.PhaseNeedsIntervention, v1alpha1.PhaseRejected,
	v1alpha1.PhaseRunning, v1alpha1.PhaseCompensating,
}

// causes are the reasons why a saga goes back.
var causes = []string{
	v1alpha1.ReasonStepFailed, v1alpha1.ReasonOutcomeUnknown, v1alpha1.ReasonDeadlineExceeded, v1alpha1.ReasonAborted, v1alpha1.ReasonDeleted,
}

// rejections are the reasons why a saga that is alone, as that of a case, is Rejected.
var rejections = []string{
	v1alpha1.ReasonInvalidDefinition, v1alpha1.ReasonInvalidExpression, v1alpha1.ReasonInvalidParameters,
}

var stepStates = []v1alpha1.StepState{
	v1alpha1.StepNotStarted, v1alpha1.StepRunning, v1alpha1.StepSucceeded, v1alpha1.StepFailed, v1alpha1.StepUnknown, v1alpha1.StepSkipped,
	v1alpha1.StepCompensating, v1alpha1.StepCompensated, v1alpha1.StepNotCompensated, v1alpha1.StepNeedsIntervention,
}

func (c *checker) expect(e Expectation) {
	if !slices.Contains(phases, e.End) {
		c.wrongf("expect.end", "must be one of %v, is %q", phases, e.End)
	}
	c.reason(e)
	for _, name := range slices.Sorted(maps.Keys(e.Steps)) {
		c.step("expect.steps", name)
		if state := e.Steps[name]; !slices.Contains(stepStates, state) {
			c.wrongf("expect.steps."+name, "must be one of %v, is %q", stepStates, state)
		}
	}
	if e.Cause != nil {
		c.cause(*e.Cause)
	}
	if e.Outputs != nil && c.suite.Def.Spec.Outputs == nil && string(e.Outputs.Raw) != "null" {
		c.wrongf("expect.outputs", "definition %q has no outputs", c.suite.Definition)
	}
	if e.AnyOrder && e.Commands == nil {
		c.wrongf("expect.anyOrder", "there are no commands that it could be said of")
	}
	for i, m := range e.Commands {
		c.message(fmt.Sprintf("expect.commands[%d]", i), m)
	}
}

func (c *checker) reason(e Expectation) {
	switch {
	case e.Reason == "":
	case e.End != v1alpha1.PhaseRejected:
		c.wrongf("expect.reason", "is of a saga that is Rejected; why a saga goes back is its cause")
	case !slices.Contains(rejections, e.Reason):
		c.wrongf("expect.reason", "must be one of %v, is %q", rejections, e.Reason)
	}
}

func (c *checker) cause(want Cause) {
	if want.Reason != "" && !slices.Contains(causes, want.Reason) {
		c.wrongf("expect.cause.reason", "must be one of %v, is %q", causes, want.Reason)
	}
	if want.Step != "" {
		c.step("expect.cause.step", want.Step)
	}
}

func (c *checker) message(field string, m Message) {
	if !eventType.MatchString(m.Type) {
		c.wrongf(field+".type", "must be <participant>.<command or event>, is %q", m.Type)
	} else if sent := sentBy(&c.suite.Def.Spec); !slices.Contains(sent, m.Type) {
		c.wrongf(field+".type", "%q is nothing that a step of %q sends: these send %v", m.Type, c.suite.Definition, sent)
	}
	if m.Step != "" {
		c.step(field+".step", m.Step)
	}
	if m.Data != nil && m.ExactData != nil {
		c.wrongf(field+".data", "at most one of data and exactData says what it carries")
	}
}

// sentBy are the types of all that sagas of the definition could send, each once, in order.
func sentBy(def *v1alpha1.SagaDefinitionSpec) []string {
	var names []string
	add := func(participant, name string) { names = append(names, participant+"."+name) }
	for _, s := range def.Steps {
		if s.Action != nil && def.Mode != v1alpha1.ModeObserved {
			add(s.Participant, s.Action.Command)
		}
		if s.Publish != nil {
			add(s.Participant, s.Publish.Event)
		}
		if undo := s.Compensation; undo != nil && undo.Command != "" {
			add(s.Participant, undo.Command)
		}
		if undo := s.Compensation; undo != nil && undo.Publish != nil {
			add(s.Participant, undo.Publish.Event)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
