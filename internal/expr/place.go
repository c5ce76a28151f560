package expr

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
)

// Names of the variables that expressions read.
const (
	varParams = "params"
	varSteps  = "steps"
	varSaga   = "saga"
	varEvent  = "event"
	varData   = "data"
)

var (
	// sagaFields are the members of the variable saga.
	sagaFields = []string{"name", "namespace", "uid", "idempotencyKey", "businessKey"}
	// eventFields are the members of the variable event.
	eventFields = []string{"id", "source", "type", "subject", "time", "dataschema", "correlationid", "data"}
)

// elsewhere says of variables that are known in few places what these are.
var elsewhere = map[string]string{
	varEvent: "event is for filter, for eventKey and for triggers",
	varData:  "data is for upcasts",
}

// place is where an expression stands.
type place struct {
	scope      Scope
	shapes     Shapes
	vocabulary *vocabulary
	thorough   bool // all mistakes are told, not the first
}

// vocabulary is an environment of CEL, and the variables that it knows.
type vocabulary struct {
	env       *cel.Env
	variables []string
}

// vocabularies are those that there are, by the variables that they know beside params, steps and saga.
type vocabularies struct {
	plain, event, data, both *vocabulary
	eventOnly                *vocabulary
}

func newVocabularies() (vocabularies, error) {
	base, err := newEnv()
	if err != nil {
		return vocabularies{}, err
	}
	usual := []string{varParams, varSteps, varSaga}
	var l vocabularies
	for _, known := range []struct {
		vocabulary **vocabulary
		variables  []string
	}{
		{&l.plain, usual},
		{&l.event, append(slices.Clone(usual), varEvent)},
		{&l.data, append(slices.Clone(usual), varData)},
		{&l.both, append(slices.Clone(usual), varEvent, varData)},
		{&l.eventOnly, []string{varEvent}},
	} {
		if *known.vocabulary, err = newVocabulary(base, known.variables); err != nil {
			return vocabularies{}, err
		}
	}
	return l, nil
}

func newVocabulary(base *cel.Env, variables []string) (*vocabulary, error) {
	types := map[string]*cel.Type{
		varSteps: cel.MapType(cel.StringType, cel.MapType(cel.StringType, cel.DynType)),
		varSaga:  cel.MapType(cel.StringType, cel.StringType),
	}
	options := make([]cel.EnvOption, 0, len(variables))
	for _, name := range variables {
		t, ok := types[name]
		if !ok {
			t = cel.MapType(cel.StringType, cel.DynType)
		}
		options = append(options, cel.Variable(name, t))
	}
	env, err := base.Extend(options...)
	if err != nil {
		return nil, fmt.Errorf("declaring %s: %w", strings.Join(variables, ", "), err)
	}
	return &vocabulary{env: env, variables: variables}, nil
}

// place returns the place that scope describes.
func (c *Compiler) place(scope Scope) place {
	known := c.vocabularies.plain
	switch {
	case scope.Event && scope.Data:
		known = c.vocabularies.both
	case scope.Event:
		known = c.vocabularies.event
	case scope.Data:
		known = c.vocabularies.data
	}
	return place{scope: scope, shapes: c.shapes, vocabulary: known, thorough: c.thorough}
}

// eventPlace is a place where there is no saga yet, but an event.
func (c *Compiler) eventPlace() place {
	return place{vocabulary: c.vocabularies.eventOnly}
}

func (p place) knows(variable string) bool {
	return slices.Contains(p.vocabulary.variables, variable)
}

// otherwise says what can be read, after a message that something cannot.
func (p place) otherwise(message string) string {
	names := p.vocabulary.variables
	text := "; there is " + names[0]
	if last := len(names) - 1; last > 0 {
		text = "; there are " + strings.Join(names[:last], ", ") + " and " + names[last]
	}
	for _, name := range sortedKeys(elsewhere) {
		if strings.HasPrefix(message, "undeclared reference to '"+name+"'") {
			text += "; " + elsewhere[name]
		}
	}
	return text
}
