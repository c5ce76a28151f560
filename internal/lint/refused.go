package lint

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/sagas-dev/saga-operator/internal/admission"
)

// judgeRefused tells of all that is wrong with an object that the API server would refuse: also of what would be found once that is mended.
// A rule over a list is told by the item that breaks it, nothing is told of a field twice, and nothing that only comes of what is told.
func (r *run) judgeRefused(o *object, stored map[string]any, refusals []admission.Refusal) {
	aside := run{Linter: r.Linter, ctx: r.ctx}
	readable := *o
	if readable.decode(without(stored, readable.unreadable(stored, refusals))) == nil {
		aside.examineOwn(&readable)
		o.examined = readable.examined
	}
	named := o.examined != nil && len(o.examined.Steps) > 0
	meant := r.meant(o, refusals)
	o.refused = map[string]bool{}
	for _, refusal := range refusals {
		if named && overSteps(refusal) || aside.report.saysMoreThan(refusal) || refusal.Message == required && meant.explains(refusal.Field, "") {
			continue
		}
		o.refused[refusal.Field] = true
		r.add(Error, o, refusal.Field, "%s", r.explain(o, refusal))
	}
	for _, finding := range aside.report.Findings {
		if !o.refused[finding.Field] && !o.followsRecovery(finding.Field) && !meant.explains(finding.Field, finding.Message) {
			r.report.Findings = append(r.report.Findings, finding)
		}
	}
}

// required is what the API server says of a field that is missing: it does not say what the field may be.
const required = "Required value"

// saysMoreThan says whether there is a finding that makes a refusal needless: about what should stand in a field that is missing, or
// about the item of a list that breaks a rule over all of them.
func (r Report) saysMoreThan(refusal admission.Refusal) bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool {
		if refusal.Message == required {
			return admission.Holds(refusal.Field, f.Field)
		}
		return !strings.Contains(refusal.Message, "in body") && strings.HasPrefix(f.Field, refusal.Field+"[")
	})
}

// overSteps says whether a rule over all steps has refused them: the engine judges the same of each.
func overSteps(refusal admission.Refusal) bool {
	return (refusal.Field == "spec.steps" || refusal.Field == "spec.definition.steps") && !strings.Contains(refusal.Message, "in body")
}

// unreadable returns those of the refusals without whose fields an object can be read. The others stay: what they hold is wrong, but it is
// there, and nobody is to be told that it is missing.
func (o *object) unreadable(stored map[string]any, refusals []admission.Refusal) []admission.Refusal {
	var needed []admission.Refusal
	for i, refusal := range refusals {
		probe := *o
		if probe.decode(without(stored, slices.Concat(needed, refusals[i+1:]))) != nil {
			needed = append(needed, refusal)
		}
	}
	return needed
}

// without is an object without the fields that are refused: what is left may be read all the same.
func without(object map[string]any, refusals []admission.Refusal) map[string]any {
	raw, err := json.Marshal(object)
	if err != nil {
		return object
	}
	left := map[string]any{}
	if err := json.Unmarshal(raw, &left); err != nil {
		return object
	}
	for _, refusal := range refusals {
		if !overSteps(refusal) {
			remove(left, refusal.Field)
		}
	}
	return left
}

// remove removes the member that a path leads to; an item of a list stays, empty, so that those behind it keep their places.
func remove(object map[string]any, path string) {
	var at any = object
	segments := segment.FindAllStringSubmatch(path, -1)
	for i, match := range segments {
		name, last := match[1]+match[2]+match[3], i == len(segments)-1
		switch container := at.(type) {
		case map[string]any:
			if last {
				delete(container, name)
			}
			at = container[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n >= len(container) {
				return
			}
			if last {
				container[n] = nil
			}
			at = container[n]
		}
	}
}
