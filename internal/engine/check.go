package engine

import (
	"errors"
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// longest is how long a delay, an await or an approval may last.
const longest = 366 * 24 * time.Hour

// check judges what one object's schema also judges, since definitions come from files and old revisions too.
func (p *Program) check(def v1alpha1.SagaDefinitionSpec) error {
	if n := len(def.Steps); n == 0 || n > v1alpha1.MaxSteps {
		return fmt.Errorf("%w: steps: from 1 to %d steps are needed, there are %d", ErrInvalidDefinition, v1alpha1.MaxSteps, n)
	}
	if !slices.Contains([]v1alpha1.ExecutionMode{"", v1alpha1.ModeOrchestrated, v1alpha1.ModeObserved}, def.Mode) {
		return fmt.Errorf("%w: mode: %q is neither Orchestrated nor Observed", ErrInvalidDefinition, def.Mode)
	}
	for i, s := range def.Steps {
		if _, ok := p.index[s.Name]; ok {
			return fmt.Errorf("%w: steps[%d].name: %q is the name of an earlier step too", ErrInvalidDefinition, i, s.Name)
		}
		if err := p.checkRecovery(i, s); err != nil {
			return err
		}
		dependencies := func(s v1alpha1.Step) error { return p.checkDependencies(s, def.Steps) }
		events := func(s v1alpha1.Step) error { return p.checkEvents(s, def.Steps[:i]) }
		for _, check := range []func(v1alpha1.Step) error{dependencies, checkKind, checkUndo, checkTimes, events} {
			if err := check(s); err != nil {
				return fmt.Errorf("%w: steps[%d] (%s): %w", ErrInvalidDefinition, i, s.Name, err)
			}
		}
		p.index[s.Name] = i
	}
	return nil
}

func (p *Program) checkRecovery(i int, s v1alpha1.Step) error {
	switch s.Recovery {
	case v1alpha1.RecoveryPivot:
		if p.pivot >= 0 || p.retry < i {
			return fmt.Errorf("%w: steps[%d].recovery: the Pivot comes after the Compensatable steps and before the Retriable ones, once", ErrInvalidDefinition, i)
		}
		p.pivot = i
	case v1alpha1.RecoveryRetriable:
		p.retry = min(p.retry, i)
	case v1alpha1.RecoveryCompensatable, "":
		if p.pivot >= 0 || p.retry < i {
			return fmt.Errorf("%w: steps[%d].recovery: a Compensatable step cannot stand after the point of no return", ErrInvalidDefinition, i)
		}
	default:
		return fmt.Errorf("%w: steps[%d].recovery: %q is none of Compensatable, Pivot and Retriable", ErrInvalidDefinition, i, s.Recovery)
	}
	return nil
}

// checkDependencies: only earlier steps are known yet, so that a cycle cannot be written.
func (p *Program) checkDependencies(s v1alpha1.Step, all []v1alpha1.Step) error {
	seen := map[string]bool{}
	for n, name := range s.DependsOn {
		switch _, earlier := p.index[name]; {
		case name == s.Name:
			return fmt.Errorf("dependsOn[%d]: the step cannot wait for itself", n)
		case !earlier && !slices.ContainsFunc(all, func(other v1alpha1.Step) bool { return other.Name == name }):
			return fmt.Errorf("dependsOn[%d]: there is no step %q", n, name)
		case !earlier:
			return fmt.Errorf("dependsOn[%d]: %q is no earlier step: list a step after those that it waits for", n, name)
		case seen[name]:
			return fmt.Errorf("dependsOn[%d]: %q is named twice", n, name)
		}
		seen[name] = true
	}
	return nil
}

func kindsOf(s v1alpha1.Step) []kind {
	var kinds []kind
	for k, set := range []bool{s.Action != nil, s.Publish != nil, s.Await != nil, s.Delay != nil, s.Approval != nil} {
		if set {
			kinds = append(kinds, kind(k))
		}
	}
	return kinds
}

func compensatable(s v1alpha1.Step) bool {
	return s.Recovery != v1alpha1.RecoveryPivot && s.Recovery != v1alpha1.RecoveryRetriable
}

func undoes(s v1alpha1.Step) bool {
	return s.Compensation != nil && s.Compensation.Policy != v1alpha1.CompensationNone
}

func checkKind(s v1alpha1.Step) error {
	switch {
	case len(kindsOf(s)) != 1:
		return errors.New("exactly one of action, publish, await, delay and approval is needed")
	case s.Participant == "" && s.Delay == nil && s.Approval == nil:
		return errors.New("participant: a step that sends or awaits something needs one")
	case s.Participant == "" && undoes(s):
		return errors.New("participant: a step whose compensation sends something needs one")
	case s.Delay != nil && s.Recovery == v1alpha1.RecoveryPivot:
		return errors.New("recovery: a delay changes nothing, it cannot be the Pivot")
	case s.OnFailure != "" && s.OnFailure != v1alpha1.FailureCompensate && s.OnFailure != v1alpha1.FailureContinue:
		return fmt.Errorf("onFailure: %q is neither Compensate nor Continue", s.OnFailure)
	case s.OnFailure == v1alpha1.FailureContinue && !compensatable(s):
		return errors.New("onFailure: only a Compensatable step may say Continue")
	}
	return nil
}

func checkUndo(s v1alpha1.Step) error {
	c := s.Compensation
	if c == nil {
		if compensatable(s) && (s.Action != nil || s.Publish != nil) {
			return errors.New("compensation: a Compensatable step needs one, or policy None")
		}
		return nil
	}
	if !compensatable(s) {
		return errors.New("compensation: a Pivot or Retriable step is never undone")
	}
	said := 0
	for _, is := range []bool{c.Policy == v1alpha1.CompensationNone, c.Command != "", c.Publish != nil} {
		if is {
			said++
		}
	}
	switch {
	case said != 1:
		return errors.New("compensation: exactly one of a command, an event to publish, and policy None is needed")
	case c.Publish != nil && c.Publish.Delivery == v1alpha1.DeliveryAtMostOnce:
		return errors.New("compensation.publish.delivery: what undoes a step is delivered AtLeastOnce")
	}
	return nil
}

func checkTimes(s v1alpha1.Step) error {
	switch {
	case s.Await != nil:
		if s.Await.Timeout == nil {
			return errors.New("await.timeout: is needed, from 1s to 8784h")
		}
		return checkSpan("await.timeout", s.Await.Timeout)
	case s.Approval != nil:
		if n := deref(s.Approval.Approvers, 1); n < 1 || n > 2 {
			return fmt.Errorf("approval.approvers: must be 1 or 2, is %d", n)
		}
		return checkSpan("approval.timeout", s.Approval.Timeout)
	case s.Delay != nil:
		if (s.Delay.For == nil) == (s.Delay.Until == "") {
			return errors.New("delay: exactly one of for and until is needed")
		}
		return checkSpan("delay.for", s.Delay.For)
	}
	return nil
}

func checkSpan(field string, d *metav1.Duration) error {
	if d != nil && (d.Duration < time.Second || d.Duration > longest) {
		return fmt.Errorf("%s: must be from 1s to 8784h, is %s", field, d.Duration)
	}
	return nil
}
