package lint

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// readsOutputs warns where the output of a step that may have none is read as if it always had one: the reading then fails.
func (r *run) readsOutputs(o *object, field string, spec v1alpha1.SagaDefinitionSpec) {
	for _, source := range spec.Steps {
		why := mayBeWithout(source)
		if why == "" {
			continue
		}
		for i, reader := range spec.Steps {
			if reader.Name != source.Name && readsPlainly(reader, source.Name) {
				r.unguarded(o, fmt.Sprintf("%s.steps[%d]", field, i), source.Name, why)
			}
		}
		if spec.Outputs != nil && readsPlainly(spec.Outputs, source.Name) {
			r.unguarded(o, field+".outputs", source.Name, why)
		}
	}
}

// inheritsOutputs warns of compensations that take the input of their action where that reads what another step gave. A saga that was lost,
// made anew and adopted undoes what may have been done without having heard what was answered.
func (r *run) inheritsOutputs(o *object, field string, spec v1alpha1.SagaDefinitionSpec) {
	for i, step := range spec.Steps {
		c := step.Compensation
		if step.Action == nil || step.Action.Input == nil || c == nil || c.Command == "" || c.Input != nil {
			continue
		}
		for _, source := range spec.Steps {
			if source.Name != step.Name && readsPlainly(step.Action.Input, source.Name) {
				r.add(Warning, o, fmt.Sprintf("%s.steps[%d].compensation", field, i), "takes the input of the action, which reads the output of step %q: "+
					"a saga that is made anew and adopted may not have it, and could not undo: give the compensation an input made of params", source.Name)
			}
		}
	}
}

func (r *run) unguarded(o *object, field, step, why string) {
	r.add(Warning, o, field, "reads the output of step %q, which has none where %s: write steps['%s'].?output.?field.orValue('')", step, why, step)
}

// mayBeWithout says when a step that counts as done has no output; empty where it always has one.
func mayBeWithout(step v1alpha1.Step) string {
	switch {
	case step.When != "":
		return "its condition (when) is false"
	case step.OnFailure == v1alpha1.FailureContinue:
		return "it failed (onFailure: Continue)"
	}
	return ""
}

// readsPlainly says whether the texts of part read the step's output without optional selection and without asking first.
func readsPlainly(part any, step string) bool {
	raw, err := json.Marshal(part)
	if err != nil {
		return false // it came from JSON
	}
	text := strings.ReplaceAll(string(raw), `\"`, `'`)
	name := regexp.QuoteMeta(step)
	plain := `steps(?:\['` + name + `'\]|\.` + name + `)\.output\b`
	return regexp.MustCompile(plain).MatchString(text) && !regexp.MustCompile(`has\(`+plain).MatchString(text)
}
