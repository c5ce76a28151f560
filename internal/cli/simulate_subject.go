package cli

import (
	"encoding/json"
	"fmt"
	"slices"

	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/manifests"
	"github.com/sagas-dev/saga-operator/internal/order"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/simulate/explore"
	"github.com/sagas-dev/saga-operator/internal/simulate/sample"
)

// installation stands for the one that would run the saga.
const installation = "simulated"

// subject is one definition in the files, with the saga or order that runs it there, if any.
type subject struct {
	name, file string
	definition v1alpha1.SagaDefinitionSpec
	saga       *v1alpha1.Saga // nil: nobody runs it
	from       string         // what the saga is from
}

// subjectsOf returns what there is to prove: every definition, and every saga that holds its own.
func subjectsOf(set *manifests.Set) ([]subject, error) {
	var subjects []subject
	for _, d := range set.Definitions {
		s := subject{name: "SagaDefinition " + d.Value.Name, file: d.File, definition: d.Value.Spec}
		if err := s.findSaga(set, d.Value.Name); err != nil {
			return nil, err
		}
		subjects = append(subjects, s)
	}
	for _, saga := range set.Sagas {
		if saga.Value.Spec.Definition != nil {
			subjects = append(subjects, subject{name: "Saga " + saga.Value.Name, file: saga.File,
				definition: *saga.Value.Spec.Definition, saga: saga.Value, from: "its own"})
		}
	}
	if len(subjects) == 0 {
		return nil, misuse("there is nothing to simulate: the files hold neither a SagaDefinition nor a Saga with a definition of its own")
	}
	return subjects, nil
}

// findSaga looks for a saga or an order that runs the definition.
func (s *subject) findSaga(set *manifests.Set, definition string) error {
	for _, saga := range set.Sagas {
		if ref := saga.Value.Spec.DefinitionRef; ref != nil && ref.Name == definition {
			s.saga, s.from = saga.Value, "those of Saga "+saga.Value.Name
			return nil
		}
	}
	for _, o := range set.Orders {
		saga, err := order.SagaOf(o.Value)
		if err != nil {
			return fmt.Errorf("%s: %w", o.File, err)
		}
		if saga.Spec.DefinitionRef.Name == definition {
			s.saga, s.from = saga, "those of OrderWorkflow "+o.Value.Name
			return nil
		}
	}
	return nil
}

// caseOf prepares a subject, and notes where its params are from and whether the operator would refuse it.
func (s simulation) caseOf(sub subject, p *proved) (explore.Case, error) {
	definition, uncovered := covered(sub.definition)
	if s.assumeEffects {
		assumeEffects(definition, uncovered)
	}
	expressions, err := expr.New()
	if err != nil {
		return explore.Case{}, err
	}
	if _, err := engine.Compile(sub.definition, expressions); err != nil {
		p.Refused = err.Error()
	}
	compiled, err := program.NewCache(expressions).Compile(definition)
	if err != nil {
		return explore.Case{}, err
	}
	saga, err := s.identity(sub, p)
	if err != nil {
		return explore.Case{}, err
	}
	if err := compiled.Schema.Validate(saga.Params); err != nil {
		return explore.Case{}, fmt.Errorf("params (%s): %w", p.Params, err)
	}
	answers, err := s.answers(definition, saga.Params)
	if err != nil {
		return explore.Case{}, err
	}
	for _, name := range s.steps {
		if !slices.ContainsFunc(definition.Steps, func(step v1alpha1.Step) bool { return step.Name == name }) {
			return explore.Case{}, misuse("--step: there is no step %q", name)
		}
	}
	return explore.Case{Definition: definition, Program: compiled.Program, Saga: saga, Answers: answers, Uncovered: uncovered}, nil
}

// covered returns the definition with {policy: None} where a compensation is missing, which the operator would refuse, and
// these steps: that nothing undoes them is to be seen, not only read.
func covered(def v1alpha1.SagaDefinitionSpec) (v1alpha1.SagaDefinitionSpec, map[string]string) {
	def = *def.DeepCopy()
	uncovered := map[string]string{}
	for i := range def.Steps {
		s := &def.Steps[i]
		compensatable := s.Recovery == v1alpha1.RecoveryCompensatable || s.Recovery == ""
		if compensatable && s.Compensation == nil && (s.Action != nil || s.Publish != nil) {
			s.Compensation = &v1alpha1.Compensation{Policy: v1alpha1.CompensationNone}
			uncovered[s.Name] = "give the step a compensation, or say compensation: {policy: None} if it changes nothing"
		}
	}
	return def, uncovered
}

// assumeEffects questions what says that it changes nothing.
func assumeEffects(def v1alpha1.SagaDefinitionSpec, uncovered map[string]string) {
	for _, s := range def.Steps {
		_, known := uncovered[s.Name]
		if !known && s.Action != nil && s.Compensation != nil && s.Compensation.Policy == v1alpha1.CompensationNone {
			uncovered[s.Name] = "it says compensation: {policy: None}, which is right only if its action changes nothing"
		}
	}
}

// identity returns the saga that is played: the one in the files, or one made up.
func (s simulation) identity(sub subject, p *proved) (engine.Saga, error) {
	saga := sub.saga
	if saga == nil {
		saga = &v1alpha1.Saga{}
		saga.Name = "sample"
	}
	if saga.Namespace == "" {
		saga = saga.DeepCopy()
		saga.Namespace = "default"
	}
	id, err := program.Identity(installation, saga)
	if err != nil {
		return id, err
	}
	switch {
	case s.params != "":
		p.Params = "as given"
		id.Params, err = s.givenParams()
	case sub.saga != nil:
		p.Params = sub.from
	default:
		p.Params = "made up"
		if id.Params, err = sample.Params(sub.definition); err != nil {
			err = misuse("no params: %w\ngive some with --params, or a Saga or OrderWorkflow that runs the definition among the files", err)
		}
	}
	return id, err
}

func (s simulation) givenParams() ([]byte, error) {
	text, err := valueOf("params", s.params)
	if err != nil {
		return nil, err
	}
	raw, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, misuse("--params: %w", err)
	}
	canonical, err := program.Canonical(raw)
	if err != nil || canonical[0] != '{' {
		return nil, misuse("--params must be an object")
	}
	return canonical, nil
}

// answers are what participants answer: made up, with what is given in place of it by step.
func (s simulation) answers(def v1alpha1.SagaDefinitionSpec, params []byte) (map[string][]byte, error) {
	answers, err := sample.Answers(def, params)
	if err != nil {
		return nil, misuse("%w\ngive it with --outputs", err)
	}
	if s.outputs == "" {
		return answers, nil
	}
	text, err := valueOf("outputs", s.outputs)
	if err != nil {
		return nil, err
	}
	given := map[string]json.RawMessage{}
	if err := yaml.UnmarshalStrict(text, &given); err != nil {
		return nil, misuse("--outputs must be an object of objects by step: %w", err)
	}
	for step, raw := range given {
		if _, ok := answers[step]; !ok {
			return nil, misuse("--outputs: there is no step %q", step)
		}
		answers[step] = raw
	}
	return answers, nil
}
