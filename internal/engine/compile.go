package engine

import (
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

type compiler struct {
	expressions Expressions
	def         v1alpha1.SagaDefinitionSpec
	steps       []step
	found       *[]error // nil: the first mistake ends it; else all are added
	unlinked    bool     // what steps wait for is not known: expressions may read all others
}

// link finds out which steps wait for which. The pivot waits for all steps before it, and all after it wait for it; without
// a pivot, the first retriable step is the point of no return, and retriable steps wait for all that can be undone.
func (c compiler) link(p *Program) {
	isGraph := graph(c.def.Steps)
	for i, s := range c.def.Steps {
		var after set
		switch {
		case i == 0:
		case !isGraph:
			after = 1 << (i - 1)
		case s.Recovery == v1alpha1.RecoveryPivot:
			after = all(i)
		case s.Recovery == v1alpha1.RecoveryRetriable:
			after = all(p.retry)
		}
		for _, name := range s.DependsOn {
			after |= 1 << p.index[name]
		}
		c.steps[i].ancestors = after
		for j := range i {
			if after.has(j) {
				c.steps[i].after = append(c.steps[i].after, j)
				c.steps[i].ancestors |= c.steps[j].ancestors
				c.steps[j].before = append(c.steps[j].before, i)
			}
		}
		for j := range i {
			if c.steps[i].ancestors.has(j) {
				c.steps[j].descendants |= 1 << i
			}
		}
	}
}

// all is the set of the first n steps.
func all(n int) set { return ^(^set(0) << n) }

func (c compiler) names(of set) []string {
	var names []string
	for i := range c.def.Steps {
		if of.has(i) {
			names = append(names, c.def.Steps[i].Name)
		}
	}
	return names
}

func (c compiler) scope(i int) Scope {
	waits := c.steps[i].ancestors
	if c.unlinked {
		waits = all(len(c.def.Steps)) &^ (1 << i)
	}
	return Scope{Steps: c.names(waits), All: c.names(all(len(c.def.Steps))), Aside: c.names(all(i) &^ waits)}
}

func (c compiler) step(i int) error {
	def, s := c.def.Steps[i], &c.steps[i]
	s.name, s.participant, s.recovery, s.kind = def.Name, def.Participant, def.Recovery, kindsOf(def)[0]
	s.optional = def.OnFailure == v1alpha1.FailureContinue
	if s.recovery == "" {
		s.recovery = v1alpha1.RecoveryCompensatable
	}
	var err error
	if def.When != "" {
		if s.when, err = c.condition("when", def.When, c.scope(i)); err != nil {
			return err
		}
	}
	switch s.kind {
	case kindAction:
		err = c.action(i)
	case kindPublish:
		s.once = def.Publish.Delivery == v1alpha1.DeliveryAtMostOnce
		s.action, err = c.publish("publish.data", def.Participant, def.Publish, c.scope(i))
	case kindAwait:
		err = c.await(i)
	case kindDelay:
		err = c.delay(i)
	case kindApproval:
		err = c.approval(i)
	}
	if err != nil {
		return err
	}
	s.compensation, err = c.compensation(i)
	return err
}

func (c compiler) action(i int) error {
	def, s := c.def.Steps[i], &c.steps[i]
	a := def.Action
	input, err := c.template("action.input", a.Input, c.scope(i))
	if err != nil {
		return err
	}
	s.action = call{
		messageType: def.Participant + "." + a.Command, input: input,
		timeout: durationOr(a.Timeout, 30*time.Second), retry: policyOf(a.Retry, attemptsOf(s.recovery)),
	}
	if c.def.Mode == v1alpha1.ModeObserved {
		told := eventsOf(def)
		s.await = &listener{succeeded: def.Participant + "." + told[0], failed: def.Participant + "." + told[1], timeout: s.action.timeout}
		if s.await.succeeded == s.await.failed {
			if err := c.refuse("action.events", ErrInvalidDefinition, fmt.Errorf("succeeded and failed must be two events, both are %q", s.await.failed)); err != nil {
				return err
			}
		}
	}
	s.body, err = c.body("action", a.Output, a.OutputSchema, a.Upcasts)
	return err
}

func (c compiler) publish(field, participant string, p *v1alpha1.Publish, scope Scope) (call, error) {
	input, err := c.template(field, p.Data, scope)
	return call{messageType: participant + "." + p.Event, publish: true, input: input}, err
}

func (c compiler) await(i int) error {
	def, s := c.def.Steps[i], &c.steps[i]
	a := def.Await
	l := &listener{succeeded: def.Participant + "." + a.Event, timeout: durationOr(a.Timeout, 0)}
	var err error
	if a.Key != "" {
		if l.key, err = c.text("await.key", a.Key, Scope{All: c.scope(i).All, First: true}); err != nil {
			return err
		}
	}
	if a.Filter != "" {
		scope := c.scope(i)
		scope.Event = true
		if l.filter, err = c.condition("await.filter", a.Filter, scope); err != nil {
			return err
		}
	}
	s.await = l
	s.body, err = c.body("await", a.Output, a.OutputSchema, a.Upcasts)
	return err
}

func (c compiler) delay(i int) error {
	def := c.def.Steps[i].Delay
	d := &delay{span: durationOr(def.For, 0)}
	var err error
	if def.Until != "" {
		d.until, err = c.text("delay.until", def.Until, c.scope(i))
	}
	c.steps[i].delay = d
	return err
}

func (c compiler) approval(i int) error {
	def := c.def.Steps[i].Approval
	a := &approval{approvers: int(deref(def.Approvers, 1)), timeout: durationOr(def.Timeout, longest)}
	var err error
	if def.Message != "" {
		a.message, err = c.text("approval.message", def.Message, c.scope(i))
	}
	c.steps[i].approval = a
	return err
}

func (c compiler) compensation(i int) (*call, error) {
	step := c.def.Steps[i]
	def := step.Compensation
	if !undoes(step) {
		return nil, nil
	}
	scope := c.scope(i)
	scope.Self = step.Name
	if def.Publish != nil {
		published, err := c.publish("compensation.publish.data", step.Participant, def.Publish, scope)
		return &published, err
	}
	input := c.steps[i].action.input
	if def.Input != nil || input == nil {
		var err error
		if input, err = c.template("compensation.input", def.Input, scope); err != nil {
			return nil, err
		}
	}
	return &call{
		messageType: step.Participant + "." + def.Command, input: input,
		timeout: durationOr(def.Timeout, 30*time.Second), retry: policyOf(def.Retry, v1alpha1.DefaultCompensationAttempts),
	}, nil
}

// outputs compiles what the saga is known by once it is done: nothing, where the definition does not say.
func (c compiler) outputs() (Template, error) {
	if c.def.Outputs == nil {
		return nil, nil
	}
	every := c.names(all(len(c.def.Steps)))
	return c.template("outputs", c.def.Outputs, Scope{Steps: every, All: every})
}

func (c compiler) body(field string, output []string, schema *runtime.RawExtension, upcasts []v1alpha1.Upcast) (body, error) {
	b := body{output: output}
	var err error
	if schema != nil && len(schema.Raw) > 0 {
		if b.schema, err = c.expressions.Schema(schema.Raw); err != nil {
			if err = c.refuse(field+".outputSchema", ErrInvalidDefinition, err); err != nil {
				return b, err
			}
		}
	}
	for n, u := range upcasts {
		at := fmt.Sprintf("%s.upcasts[%d]", field, n)
		if b.upcasts[u.DataSchema] != nil {
			if err := c.refuse(at+".dataSchema", ErrInvalidDefinition, fmt.Errorf("%q is upcast by an earlier one", u.DataSchema)); err != nil {
				return b, err
			}
		}
		if b.upcasts == nil {
			b.upcasts = map[string]Template{}
		}
		if b.upcasts[u.DataSchema], err = c.template(at+".output", u.Output, Scope{Data: true}); err != nil {
			return b, err
		}
	}
	return b, nil
}

func (c compiler) template(field string, raw *runtime.RawExtension, scope Scope) (Template, error) {
	value := []byte("{}")
	if raw != nil && len(raw.Raw) > 0 {
		value = raw.Raw
	}
	if !isObject(value) {
		return nil, c.refuse(field, ErrInvalidDefinition, errors.New("must be an object"))
	}
	t, err := c.expressions.Compile(value, scope)
	if err != nil {
		return nil, c.refuse(field, ErrInvalidExpression, err)
	}
	return t, nil
}

func (c compiler) text(field, source string, scope Scope) (Text, error) {
	t, err := c.expressions.Text(source, scope)
	if err != nil {
		return nil, c.refuse(field, ErrInvalidExpression, err)
	}
	return t, nil
}

func (c compiler) condition(field, source string, scope Scope) (Condition, error) {
	t, err := c.expressions.Condition(source, scope)
	if err != nil {
		return nil, c.refuse(field, ErrInvalidExpression, err)
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

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
