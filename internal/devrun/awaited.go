package devrun

import (
	"fmt"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/casetest"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/local"
	"github.com/sagas-dev/saga-operator/internal/simulate/sample"
)

// awaited completes an event that a step awaits with its key and its data: what the script says, whatever the saga makes of it, or
// else the least that the saga takes. Its error says why there is none.
func (r *session) awaited(s *local.Saga, def *v1alpha1.Step, e engine.Occurred) (engine.Occurred, error) {
	if said := r.scripted(s, e.Type); said != nil {
		e.Data, e.DataSchema = said.Data.Raw, said.DataSchema
		return e, r.correlate(s, &e)
	}
	guesses, err := guessesOf(s, def)
	if err != nil {
		return e, err
	}
	for _, data := range guesses {
		guess := e
		guess.Data, guess.Time = data, r.now()
		if err := r.correlate(s, &guess); err != nil {
			return e, err
		}
		if s.Takes(r.now(), guess) {
			return guess, nil
		}
	}
	if def.Await.Filter == "" {
		return e, fmt.Errorf("no data is found that step %q takes; name the event's data with --script", def.Name)
	}
	return e, fmt.Errorf("no data is found that passes await.filter %q of step %q; name the event's data with --script", def.Await.Filter, def.Name)
}

// scripted is the event of that type whose data the script names, or nil.
func (r *session) scripted(s *local.Saga, kind string) *casetest.Event {
	events := r.stubs.cases[definitionOf(s)].Events
	for i := range events {
		if e := &events[i]; e.Type == kind && e.Data != nil && !e.Ignored {
			return e
		}
	}
	return nil
}

// guessesOf is the data that an awaited event could have, the least first: what the schema demands, then with what the filter and
// other expressions read of it. All of it is what outputSchema accepts.
func guessesOf(s *local.Saga, def *v1alpha1.Step) ([][]byte, error) {
	params := s.Identity.Params
	if len(params) == 0 {
		params = []byte("{}")
	}
	answers, err := sample.Answers(schemaOnlyOf(s.Definition, def.Name), params)
	if err != nil {
		return nil, err
	}
	fitting := answers[def.Name]
	if def.Await.OutputSchema == nil {
		return [][]byte{fitting}, nil
	}
	least, err := sample.Value(def.Await.OutputSchema.Raw)
	if err != nil {
		return nil, err
	}
	schema, err := expr.CompileSchema(def.Await.OutputSchema.Raw)
	if err != nil {
		return nil, fmt.Errorf("await.outputSchema: %w", err)
	}
	tries := [][]byte{least}
	if broken := schema.Validate(fitting); broken == nil {
		tries = append(tries, fitting)
	}
	return tries, nil
}

// schemaOnlyOf is the definition without the schemas of other steps' outputs, for which no sample is needed here.
func schemaOnlyOf(def v1alpha1.SagaDefinitionSpec, name string) v1alpha1.SagaDefinitionSpec {
	def = *def.DeepCopy()
	for i := range def.Steps {
		step := &def.Steps[i]
		if step.Name == name {
			continue
		}
		if step.Action != nil {
			step.Action.OutputSchema = nil
		}
		if step.Await != nil {
			step.Await.OutputSchema = nil
		}
	}
	return def
}
