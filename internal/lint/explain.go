package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"

	"github.com/sagas-dev/saga-operator/internal/admission"
)

// explain adds to what the API server says what to do about it, where that can be known.
func (r *run) explain(o *object, refusal admission.Refusal) string {
	if strings.HasPrefix(refusal.Message, unknown) {
		return r.unknownField(o, refusal.Field)
	}
	at := r.rules.At(o.kind(), refusal.Field)
	if at == nil || at.ValueValidation == nil || !strings.Contains(refusal.Message, " in body ") {
		return refusal.Message
	}
	if what := form(at); what != "" {
		return refusal.Message + ": write " + what
	}
	return refusal.Message
}

// form says in words what the pattern of a text asks for; empty where there are no words for it.
func form(of *structuralschema.Structural) string {
	switch pattern := of.ValueValidation.Pattern; {
	case strings.Contains(pattern, "(ms|s|m|h)"):
		return "a duration such as 30s, 5m or 1h30m"
	case pattern == "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", pattern == "^[a-z]([-a-z0-9]*[a-z0-9])?$":
		return "lower case letters, digits and dashes"
	}
	return ""
}

// unknown is how the API server begins where it does not know a field.
const unknown = "unknown field "

// unknownField names the field by itself, since its place is said already, and the known one that it is most like.
func (r *run) unknownField(o *object, field string) string {
	holder, name := lastOf(field)
	message := fmt.Sprintf("%s%q", unknown, name)
	closest, alike := r.closest(o, field)
	switch {
	case closest == "":
		return message
	case alike:
		return fmt.Sprintf("%s: did you mean %q?", message, closest)
	}
	return fmt.Sprintf("%s: there are %s", message, strings.Join(r.known(o, holder), ", "))
}

// closest is the known field that an unknown one is most like, if any is known there, and whether it is so like it that it may be meant.
func (r *run) closest(o *object, field string) (name string, alike bool) {
	holder, written := lastOf(field)
	known := r.known(o, holder)
	if len(known) == 0 {
		return "", false
	}
	name = slices.MinFunc(known, func(a, b string) int { return distance(a, written) - distance(b, written) })
	return name, distance(name, written) <= max(1, len(written)/3)
}

// known are the fields that may stand in another, in alphabetical order.
func (r *run) known(o *object, holder string) []string {
	at := r.rules.At(o.kind(), holder)
	if at == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(at.Properties))
}

// distance is how many letters have to be added, left out or changed to make one name of the other, whatever their case.
func distance(a, b string) int {
	a, b = strings.ToLower(a), strings.ToLower(b)
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
