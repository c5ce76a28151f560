package lint

import (
	"strings"

	"github.com/sagas-dev/saga-operator/internal/admission"
)

// followsRecovery says whether what is told of a field only comes of a recovery that is none: whether a step may be undone, and may
// fail, is judged by its recovery.
func (o *object) followsRecovery(field string) bool {
	for _, name := range []string{".compensation", ".onFailure"} {
		if step, ok := strings.CutSuffix(field, name); ok && o.refused[step+".recovery"] {
			return true
		}
	}
	return false
}

// meant are the fields that are missing because their names are misspelt: the misspelt ones are told, with these names.
type meant map[string]bool

func (r *run) meant(o *object, refusals []admission.Refusal) meant {
	fields := meant{}
	for _, refusal := range refusals {
		if !strings.HasPrefix(refusal.Message, unknown) {
			continue
		}
		holder, _ := lastOf(refusal.Field)
		if name, ok := r.closest(o, refusal.Field); ok && !o.has(inside(holder, name)) {
			fields[inside(holder, name)] = true
		}
	}
	return fields
}

// noneOf says whether a message tells that one of several fields is needed and none is there.
func noneOf(message string) bool {
	return strings.HasPrefix(message, "exactly one of ") && !strings.Contains(message, ", there are ")
}

// explains says whether a message about a field only comes of a name that is misspelt.
func (m meant) explains(field, message string) bool {
	for missing := range m {
		holder, _ := lastOf(missing)
		if admission.Holds(missing, field) || holder == field && noneOf(message) {
			return true
		}
	}
	return false
}

// has says whether a field stands in the file.
func (o *object) has(field string) bool {
	node := o.node
	for _, match := range segment.FindAllStringSubmatch(field, -1) {
		node = child(node, match[1]+match[2]+match[3])
	}
	return node != nil
}

func inside(holder, name string) string {
	return strings.TrimPrefix(holder+"."+name, ".")
}

// lastOf divides a path into that of the holder, empty for the whole, and the last name.
func lastOf(field string) (holder, name string) {
	dot := strings.LastIndex(field, ".")
	return field[:max(dot, 0)], field[dot+1:]
}
