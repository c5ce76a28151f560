package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// longest is how long a delay, an await or an approval may last.
const longest = 366 * 24 * time.Hour

// check judges what one object's schema also judges, since definitions come from files and old revisions too. It tells all that is wrong.
func (p *Program) check(def v1alpha1.SagaDefinitionSpec) []error {
	if n := len(def.Steps); n == 0 || n > v1alpha1.MaxSteps {
		return []error{fmt.Errorf("%w: steps: from 1 to %d steps are needed, there are %d", ErrInvalidDefinition, v1alpha1.MaxSteps, n)}
	}
	var wrong []error
	if !slices.Contains([]v1alpha1.ExecutionMode{"", v1alpha1.ModeOrchestrated, v1alpha1.ModeObserved}, def.Mode) {
		wrong = append(wrong, fmt.Errorf("%w: mode: %q is neither Orchestrated nor Observed", ErrInvalidDefinition, def.Mode))
	}
	for i, s := range def.Steps {
		if _, ok := p.index[s.Name]; ok {
			wrong = append(wrong, fmt.Errorf("%w: steps[%d].name: %q is the name of an earlier step too", ErrInvalidDefinition, i, s.Name))
		}
		if err := p.checkRecovery(i, s); err != nil {
			wrong = append(wrong, err)
		}
		for _, err := range slices.Concat(p.checkDependencies(s, def.Steps), checkKind(s), checkUndo(s), checkTimes(s), p.checkEvents(s, def.Steps[:i])) {
			wrong = append(wrong, fmt.Errorf("%w: steps[%d] (%s): %w", ErrInvalidDefinition, i, s.Name, err))
		}
		p.index[s.Name] = i
	}
	return wrong
}

// unless is what is wrong with a step where it is not so.
func unless(so bool, format string, args ...any) []error {
	if so {
		return nil
	}
	return []error{fmt.Errorf(format, args...)}
}

func (p *Program) checkRecovery(i int, s v1alpha1.Step) error {
	switch s.Recovery {
	case v1alpha1.RecoveryPivot:
		if p.pivot >= 0 {
			return fmt.Errorf("%w: steps[%d].recovery: steps[%d] is the Pivot already, and there can be only one", ErrInvalidDefinition, i, p.pivot)
		}
		if p.retry < i {
			return fmt.Errorf("%w: steps[%d].recovery: the Pivot must be listed before the Retriable steps, of which steps[%d] is one", ErrInvalidDefinition, i, p.retry)
		}
		p.pivot = i
	case v1alpha1.RecoveryRetriable:
		p.retry = min(p.retry, i)
	case v1alpha1.RecoveryCompensatable, "":
		if p.pivot >= 0 || p.retry < i {
			return fmt.Errorf("%w: steps[%d].recovery: a Compensatable step cannot be listed after the Pivot or a Retriable step: nothing is undone from there on", ErrInvalidDefinition, i)
		}
	default:
		return fmt.Errorf("%w: steps[%d].recovery: %q is none of Compensatable, Pivot and Retriable", ErrInvalidDefinition, i, s.Recovery)
	}
	return nil
}

// checkDependencies: only earlier steps are known yet, so that a cycle cannot be written.
func (p *Program) checkDependencies(s v1alpha1.Step, all []v1alpha1.Step) (wrong []error) {
	for n, name := range s.DependsOn {
		switch _, earlier := p.index[name]; {
		case name == s.Name:
			wrong = append(wrong, fmt.Errorf("dependsOn[%d]: the step cannot wait for itself", n))
		case !earlier && !slices.ContainsFunc(all, func(other v1alpha1.Step) bool { return other.Name == name }):
			wrong = append(wrong, fmt.Errorf("dependsOn[%d]: there is no step %q", n, name))
		case !earlier:
			wrong = append(wrong, fmt.Errorf("dependsOn[%d]: %q is no earlier step: list a step after those that it waits for", n, name))
		case slices.Contains(s.DependsOn[:n], name):
			wrong = append(wrong, fmt.Errorf("dependsOn[%d]: %q is named twice", n, name))
		}
	}
	return wrong
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

func checkKind(s v1alpha1.Step) []error {
	sends := s.Action != nil || s.Publish != nil || s.Await != nil
	optional := s.OnFailure == v1alpha1.FailureContinue
	return slices.Concat(
		unless(len(kindsOf(s)) == 1, "exactly one of action, publish, await, delay and approval is needed%s", told(kindsOf(s))),
		unless(s.Participant != "" || !sends, "participant: a step that sends or awaits something needs one"),
		unless(s.Participant != "" || sends || !undoes(s), "participant: a step whose compensation sends something needs one"),
		unless(s.Delay == nil || len(kindsOf(s)) > 1 || s.Recovery != v1alpha1.RecoveryPivot, "recovery: a delay changes nothing, it cannot be the Pivot"),
		unless(s.OnFailure == "" || s.OnFailure == v1alpha1.FailureCompensate || optional, "onFailure: %q is neither Compensate nor Continue", s.OnFailure),
		unless(!optional || compensatable(s), "onFailure: only a Compensatable step may say Continue"),
	)
}

// told says which kinds a step has, where they are not one.
func told(kinds []kind) string {
	if len(kinds) == 0 {
		return ", there is none"
	}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		names[i] = kindNames[k]
	}
	return ", there are " + strings.Join(names, " and ")
}

// kindNames are the fields of a step that say what it does.
var kindNames = map[kind]string{kindAction: "action", kindPublish: "publish", kindAwait: "await", kindDelay: "delay", kindApproval: "approval"}

func checkUndo(s v1alpha1.Step) []error {
	c := s.Compensation
	switch {
	case c == nil:
		return unless(!compensatable(s) || s.Action == nil && s.Publish == nil,
			"compensation: a Compensatable step needs one; where it changes nothing, say compensation: {policy: None}")
	case !compensatable(s):
		return unless(false, "compensation: a Pivot or Retriable step is never undone: remove it")
	}
	said := 0
	for _, is := range []bool{c.Policy == v1alpha1.CompensationNone, c.Command != "", c.Publish != nil} {
		if is {
			said++
		}
	}
	return slices.Concat(
		unless(said == 1, "compensation: exactly one of a command, an event to publish, and policy None is needed"),
		unless(c.Publish == nil || c.Publish.Delivery != v1alpha1.DeliveryAtMostOnce, "compensation.publish.delivery: what undoes a step is delivered AtLeastOnce"),
	)
}

func checkTimes(s v1alpha1.Step) []error {
	var wrong [][]error
	if s.Await != nil {
		wrong = append(wrong, unless(s.Await.Timeout != nil, "await.timeout: is needed, from 1s to 8784h"), checkSpan("await.timeout", s.Await.Timeout))
	}
	if s.Approval != nil {
		n := deref(s.Approval.Approvers, 1)
		wrong = append(wrong, unless(n == 1 || n == 2, "approval.approvers: must be 1 or 2, is %d", n), checkSpan("approval.timeout", s.Approval.Timeout))
	}
	if s.Delay != nil {
		wrong = append(wrong, unless((s.Delay.For == nil) != (s.Delay.Until == ""), "delay: exactly one of for and until is needed"), checkSpan("delay.for", s.Delay.For))
	}
	return slices.Concat(wrong...)
}

func checkSpan(field string, d *metav1.Duration) []error {
	return unless(d == nil || d.Duration >= time.Second && d.Duration <= longest, "%s: must be from 1s to 8784h, is %s", field, deref(d, metav1.Duration{}).Duration)
}
