package casetest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// check says all that is wrong with the cases, by their paths.
func (s *Suite) check() error {
	var wrong []error
	if s.Metadata.Name == "" {
		wrong = append(wrong, errors.New("metadata.name: is missing"))
	}
	if len(s.Cases) == 0 {
		wrong = append(wrong, errors.New("cases: there is none"))
	}
	names := map[string]bool{}
	for i := range s.Cases {
		c := checker{path: fmt.Sprintf("cases[%d]", i), suite: s}
		c.check(&s.Cases[i])
		if names[s.Cases[i].Name] {
			c.wrongf("name", "%q is the name of an earlier case too", s.Cases[i].Name)
		}
		names[s.Cases[i].Name] = true
		wrong = append(wrong, c.wrong...)
	}
	return errors.Join(wrong...)
}

// checker collects what is wrong with one case.
type checker struct {
	path  string
	suite *Suite
	wrong []error
}

func (c *checker) wrongf(field, format string, args ...any) {
	c.wrong = append(c.wrong, fmt.Errorf("%s.%s: %s", c.path, field, fmt.Sprintf(format, args...)))
}

func (c *checker) check(k *Case) {
	if k.Name == "" {
		c.wrongf("name", "is missing")
	}
	c.start(k)
	for i, a := range k.Answers {
		c.answer(fmt.Sprintf("answers[%d]", i), a)
	}
	for i, e := range k.Events {
		c.event(fmt.Sprintf("events[%d]", i), e)
	}
	for i, r := range k.Requests {
		field := fmt.Sprintf("requests[%d]", i)
		c.moment(field, r.Moment, true)
		if !slices.Contains(requests, engine.Request(r.Request)) {
			c.wrongf(field+".request", "%q is none of %v", r.Request, requests)
		}
	}
	for i, d := range k.Decisions {
		c.decision(fmt.Sprintf("decisions[%d]", i), d)
	}
	c.expect(k.Expect)
}

var requests = []engine.Request{engine.Abort, engine.Adopt, engine.Delete, engine.Suspend, engine.Resume}

func (c *checker) start(k *Case) {
	given := 0
	for _, set := range []bool{k.Params != nil, k.Saga != "", k.Order != ""} {
		if set {
			given++
		}
	}
	if given > 1 {
		c.wrongf("params", "at most one of params, saga and order says what the saga is started with")
	}
	if _, err := c.suite.sagaOf(k); err != nil {
		c.wrong = append(c.wrong, fmt.Errorf("%s.%w", c.path, err))
	}
	if k.Until != nil && k.Until.Duration <= 0 {
		c.wrongf("until", "must be more than 0s, is %s", k.Until.Duration)
	}
}

// step finds the step of that name in the definition.
func (c *checker) step(field, name string) *v1alpha1.Step {
	steps := c.suite.Def.Spec.Steps
	for i := range steps {
		if steps[i].Name == name {
			return &steps[i]
		}
	}
	c.wrongf(field, "%q is no step of %q", name, c.suite.Definition)
	return nil
}

func (c *checker) answer(field string, a Answer) {
	step := c.step(field+".step", a.Step)
	switch {
	case step == nil:
	case !a.Compensation && step.Action == nil:
		c.wrongf(field+".step", "%q has no action that could be answered", a.Step)
	case a.Compensation && (step.Compensation == nil || step.Compensation.Command == ""):
		c.wrongf(field+".compensation", "%q has no compensation that could be answered", a.Step)
	}
	c.outcome(field+".outcome", a)
	if a.Body != nil && a.failure() {
		c.wrongf(field+".body", "stands in place of code, message and retryAfter")
	}
	if a.Attempt < 0 || a.Round < 0 {
		c.wrongf(field+".attempt", "attempts and rounds count from 1")
	}
	if a.After != nil && a.After.Duration < 0 {
		c.wrongf(field+".after", "must be at least 0s, is %s", a.After.Duration)
	}
}

// failure says whether the answer says what went wrong.
func (a Answer) failure() bool { return a.Code != "" || a.Message != "" || a.RetryAfter != nil }

// outcome judges what is answered, and what goes with it.
func (c *checker) outcome(field string, a Answer) {
	switch a.Outcome {
	case "", Outcome(engine.Succeeded), Outcome(engine.Failed), Silent:
	case Outcome(engine.Retry):
		if !a.Compensation && c.suite.Def.Spec.Mode == v1alpha1.ModeObserved {
			c.wrongf(field, "a step that is only observed succeeds, fails or is silent")
		}
	default:
		c.wrongf(field, "%q is none of succeeded, failed, retry and silent", a.Outcome)
	}
	failing := a.Outcome == Outcome(engine.Failed) || a.Outcome == Outcome(engine.Retry)
	if !failing && a.failure() {
		c.wrongf(field, "only failed and retry have a code, a message or retryAfter")
	}
	if a.Outcome == Silent && (a.Body != nil || a.After != nil || a.DataSchema != "") {
		c.wrongf(field, "silent answers nothing: remove body, after and dataSchema")
	}
}

var eventType = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?\.[a-z]([-a-z0-9]*[a-z0-9])?$`)

func (c *checker) event(field string, e Event) {
	c.moment(field, e.Moment, true)
	if !eventType.MatchString(e.Type) {
		c.wrongf(field+".type", "must be <participant>.<event>, is %q", e.Type)
	}
}

func (c *checker) decision(field string, d Decision) {
	c.moment(field, d.Moment, false)
	c.step(field+".step", d.Step)
	switch d.Action {
	case v1alpha1.ResolutionRetry, v1alpha1.ResolutionSkip, v1alpha1.ResolutionMarkDone, v1alpha1.ResolutionCompensate:
	default:
		c.wrongf(field+".action", "%q is none of Retry, Skip, MarkDone and Compensate", d.Action)
	}
}

func (c *checker) moment(field string, m Moment, required bool) {
	given := 0
	for _, name := range []string{m.AfterStep, m.DuringStep} {
		if name != "" {
			given++
			c.step(field, name)
		}
	}
	if m.At != nil {
		given++
		if m.At.Duration < 0 {
			c.wrongf(field+".at", "must be at least 0s, is %s", m.At.Duration)
		}
	}
	if given > 1 || required && given == 0 {
		c.wrongf(field, "exactly one of at, afterStep and duringStep says when")
	}
}
