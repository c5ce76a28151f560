package engine

import (
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

var (
	// ErrInvalidDefinition says that the steps do not make a saga. Retrying will not mend it.
	ErrInvalidDefinition = errors.New("invalid definition")
	// ErrInvalidExpression says that a ${…} does not compile, or reads what it may not. Retrying will not mend it.
	ErrInvalidExpression = errors.New("invalid expression")
)

// Program is a definition compiled once. It is safe for concurrent use.
type Program struct {
	steps    []step
	index    map[string]int
	pivot    int // index of the pivot, or -1
	retry    int // index of the first retriable step, or len(steps)
	deadline time.Duration
}

// step is a compiled step. after and before are indices of the steps it waits for and of those that wait for it.
type step struct {
	name          string
	participant   string
	recovery      v1alpha1.RecoveryType
	publish       bool
	action        call
	compensation  *call // nil: nothing to undo
	output        []string
	after, before []int
}

// call is what is sent, and how patiently.
type call struct {
	messageType string
	input       Template
	timeout     time.Duration
	retry       retryPolicy
}

// Compile checks a definition and compiles its expressions. Its errors wrap ErrInvalidDefinition or
// ErrInvalidExpression and name the field.
func Compile(def v1alpha1.SagaDefinitionSpec, x Expressions) (*Program, error) {
	p := &Program{index: map[string]int{}, pivot: -1, retry: len(def.Steps)}
	if def.Deadline != nil {
		p.deadline = def.Deadline.Duration
	}
	if err := p.checkSteps(def.Steps); err != nil {
		return nil, err
	}
	c := compiler{expressions: x, steps: def.Steps}
	for i := range def.Steps {
		s, err := c.step(i)
		if err != nil {
			return nil, fmt.Errorf("steps[%d] (%s): %w", i, def.Steps[i].Name, err)
		}
		p.steps = append(p.steps, s)
	}
	return p, nil
}

// Participants returns the names of the participants that the steps use, each once, with whether a step sends them
// commands and whether one publishes in their name.
func (p *Program) Participants() map[string]ParticipantUse {
	uses := map[string]ParticipantUse{}
	for _, s := range p.steps {
		use := uses[s.participant]
		if s.publish {
			use.Events = true
		} else {
			use.Commands = true
		}
		uses[s.participant] = use
	}
	return uses
}

// ParticipantUse says which topics of a participant a program needs.
type ParticipantUse struct{ Commands, Events bool }

// checkSteps judges what one object's schema also judges, since definitions come from files and old revisions too.
func (p *Program) checkSteps(steps []v1alpha1.Step) error {
	if len(steps) == 0 || len(steps) > v1alpha1.MaxSteps {
		return fmt.Errorf("%w: steps: from 1 to %d steps are needed, there are %d", ErrInvalidDefinition, v1alpha1.MaxSteps, len(steps))
	}
	for i, s := range steps {
		if _, ok := p.index[s.Name]; ok {
			return fmt.Errorf("%w: steps[%d].name: %q is the name of an earlier step too", ErrInvalidDefinition, i, s.Name)
		}
		p.index[s.Name] = i
		if err := p.checkRecovery(i, s); err != nil {
			return err
		}
		if err := checkStep(s); err != nil {
			return fmt.Errorf("%w: steps[%d] (%s): %w", ErrInvalidDefinition, i, s.Name, err)
		}
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

func checkStep(s v1alpha1.Step) error {
	compensatable := s.Recovery != v1alpha1.RecoveryPivot && s.Recovery != v1alpha1.RecoveryRetriable
	none := s.Compensation != nil && s.Compensation.Policy == v1alpha1.CompensationNone
	switch {
	case (s.Action == nil) == (s.Publish == nil):
		return errors.New("exactly one of action and publish is needed")
	case compensatable && s.Compensation == nil:
		return errors.New("compensation: a Compensatable step needs one, or policy None")
	case !compensatable && s.Compensation != nil:
		return errors.New("compensation: a Pivot or Retriable step is never undone")
	case s.Compensation != nil && none == (s.Compensation.Command != ""):
		return errors.New("compensation: either a command or policy None is needed")
	case s.Publish != nil && s.Compensation != nil && !none:
		return errors.New("compensation: an event cannot be taken back; say policy None")
	}
	return nil
}

type compiler struct {
	expressions Expressions
	steps       []v1alpha1.Step
}

func (c compiler) step(i int) (step, error) {
	def := c.steps[i]
	s := step{name: def.Name, participant: def.Participant, recovery: def.Recovery, publish: def.Publish != nil}
	if s.recovery == "" {
		s.recovery = v1alpha1.RecoveryCompensatable
	}
	if i > 0 {
		s.after = []int{i - 1}
	}
	if i < len(c.steps)-1 {
		s.before = []int{i + 1}
	}
	scope := c.scope(i)
	if def.Publish != nil {
		input, err := c.template("publish.data", def.Publish.Data, scope)
		s.action = call{messageType: def.Participant + "." + def.Publish.Event, input: input}
		return s, err
	}
	input, err := c.template("action.input", def.Action.Input, scope)
	if err != nil {
		return s, err
	}
	s.output = def.Action.Output
	s.action = call{
		messageType: def.Participant + "." + def.Action.Command, input: input,
		timeout: durationOr(def.Action.Timeout, 30*time.Second), retry: policyOf(def.Action.Retry, attemptsOf(s.recovery)),
	}
	s.compensation, err = c.compensation(i, input, scope)
	return s, err
}

func (c compiler) compensation(i int, input Template, scope Scope) (*call, error) {
	def := c.steps[i].Compensation
	if def == nil || def.Policy == v1alpha1.CompensationNone {
		return nil, nil
	}
	if def.Input != nil {
		scope.Self = c.steps[i].Name
		var err error
		if input, err = c.template("compensation.input", def.Input, scope); err != nil {
			return nil, err
		}
	}
	return &call{
		messageType: c.steps[i].Participant + "." + def.Command, input: input,
		timeout: durationOr(def.Timeout, 30*time.Second), retry: policyOf(def.Retry, v1alpha1.DefaultCompensationAttempts),
	}, nil
}

func (c compiler) scope(i int) Scope {
	scope := Scope{}
	for j, s := range c.steps {
		scope.All = append(scope.All, s.Name)
		if j < i {
			scope.Steps = append(scope.Steps, s.Name)
		}
	}
	return scope
}

func (c compiler) template(field string, raw *runtime.RawExtension, scope Scope) (Template, error) {
	value := []byte("{}")
	if raw != nil && len(raw.Raw) > 0 {
		value = raw.Raw
	}
	if !isObject(value) {
		return nil, fmt.Errorf("%w: %s: must be an object", ErrInvalidDefinition, field)
	}
	t, err := c.expressions.Compile(value, scope)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrInvalidExpression, field, err)
	}
	return t, nil
}

func attemptsOf(recovery v1alpha1.RecoveryType) int32 {
	if recovery == v1alpha1.RecoveryCompensatable {
		return v1alpha1.DefaultActionAttempts
	}
	return 0
}

func durationOr(d *metav1.Duration, or time.Duration) time.Duration {
	return deref(d, metav1.Duration{Duration: or}).Duration
}

func deref[T any](p *T, or T) T {
	if p == nil {
		return or
	}
	return *p
}
