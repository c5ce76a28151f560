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
	if strings.HasPrefix(refusal.Message, "unknown field ") {
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

// unknownField names the field by itself, since its place is said already, and the known one that it is most like.
func (r *run) unknownField(o *object, field string) string {
	dot := strings.LastIndex(field, ".")
	holder, name := field[:max(dot, 0)], field[dot+1:]
	message := fmt.Sprintf("unknown field %q", name)
	at := r.rules.At(o.kind(), holder)
	if at == nil || len(at.Properties) == 0 {
		return message
	}
	known := slices.Sorted(maps.Keys(at.Properties))
	closest := slices.MinFunc(known, func(a, b string) int { return distance(a, name) - distance(b, name) })
	if distance(closest, name) <= max(1, len(name)/3) {
		return fmt.Sprintf("%s: did you mean %q?", message, closest)
	}
	return fmt.Sprintf("%s: there are %s", message, strings.Join(known, ", "))
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
