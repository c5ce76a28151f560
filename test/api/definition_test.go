package api

import (
	"fmt"
	"regexp"
	"strings"
)

// definitionAttempts are attempts on what a definition says, wherever it stands: path is spec of a SagaDefinition, or
// spec/definition of a Saga.
func definitionAttempts(example, path string) map[string]attempt {
	d := definitionAt{example: example, path: path, field: strings.ReplaceAll(path, "/", ".")}
	all := map[string]attempt{}
	for _, part := range []map[string]attempt{d.steps(), d.recoveries(), d.exchanges()} {
		for name, a := range part {
			all[name] = a
		}
	}
	return all
}

type definitionAt struct{ example, path, field string }

// with creates the example with changes; their paths are relative to the definition.
func (d definitionAt) set(path string, value any) edit { return set(d.path+"/"+path, value) }
func (d definitionAt) remove(path string) edit         { return remove(d.path + "/" + path) }
func (d definitionAt) creating(edits ...edit) attempt  { return creating(d.example, edits...) }

// says is a refusal of a field of the definition.
func (d definitionAt) says(field, message string) string {
	return fmt.Sprintf("%s.%s: %s", d.field, field, message)
}

func (d definitionAt) invalid(field, message string) string {
	return d.says(field, "Invalid value: "+message)
}

// event is a step that publishes, for use as a retriable one.
func event(name string) map[string]any {
	return fields("name", name, "recovery", "Retriable", "participant", "order", "publish", fields("event", "seen"))
}

// filled is a list of 64 or 65 steps.
func filled(n int) []any {
	var steps []any
	for i := range n {
		steps = append(steps, event(fmt.Sprintf("step-%d", i)))
	}
	return steps
}

func (d definitionAt) steps() map[string]attempt {
	const label = `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	dnsLabel := func(field, value string) string {
		return d.says(field, fmt.Sprintf("Invalid value: %q: %s.%s in body should match '%s'", value, d.field, field, label))
	}
	return map[string]attempt{
		"the example is accepted":  d.creating(),
		"one step is accepted":     d.creating(d.set("steps", filled(1))),
		"64 steps are accepted":    d.creating(d.set("steps", filled(64))),
		"65 steps are too many":    d.creating(d.set("steps", filled(65))).refused(d.says("steps", "Too many: 65: must have at most 64 items")),
		"no steps are too few":     d.creating(d.set("steps", []any{})).refused(d.invalid("steps", "0: "+d.field+".steps in body should have at least 1 items")),
		"steps must be there":      d.creating(d.remove("steps")).refused(d.says("steps", "Required value")),
		"two steps of one name":    d.creating(d.set("steps/1/name", "reserve")).refused(d.invalid("steps", "every step needs a name of its own: two steps have the same name")),
		"a name that is no label":  d.creating(d.set("steps/0/name", "Reserve_Stock")).refused(dnsLabel("steps[0].name", "Reserve_Stock")),
		"a name with a dot":        d.creating(d.set("steps/0/name", "a.b")).refused(dnsLabel("steps[0].name", "a.b")),
		"a participant no label":   d.creating(d.set("steps/0/participant", "-x")).refused(dnsLabel("steps[0].participant", "-x")),
		"a name of 64 characters":  d.creating(d.set("steps/0/name", strings.Repeat("a", 64))).refused(d.says("steps[0].name", "Too long: may not be more than 63 bytes")),
		"an unknown field":         d.creating(d.set("steps/0/dependson", []any{})).refused(d.unknown("steps[0].dependson")),
		"an unknown field, deeper": d.creating(d.set("steps/0/action/retry/attempts", 3)).refused(d.unknown("steps[0].action.retry.attempts")),
		"input may be any object":  d.creating(d.set("steps/0/action/input", fields("a", []any{fields("b", nil)}))),
	}
}

func (d definitionAt) unknown(field string) string {
	kind := map[string]string{"spec": "SagaDefinition", "spec/definition": "Saga"}[d.path]
	return fmt.Sprintf("%s in version \"v1alpha1\" cannot be handled as a %s: strict decoding error: unknown field \"%s.%s\"", kind, kind, d.field, field)
}

func (d definitionAt) recoveries() map[string]attempt {
	const (
		listed   = inOrder
		undo     = "a Compensatable step needs a compensation; where it changes nothing, say compensation: {policy: None}"
		never    = "a Pivot or Retriable step is never undone: remove its compensation"
		eitherOr = "a compensation needs exactly one of a command, an event to publish, and policy None"
	)
	publish := fields("event", "reserved")
	none := fields("policy", "None")
	return map[string]attempt{
		"action and publish":                              d.creating(d.set("steps/2/publish", publish)).refused(d.invalid("steps", oneKind)),
		"neither action nor publish":                      d.creating(d.remove("steps/2/action")).refused(d.invalid("steps", oneKind)),
		"two pivots":                                      d.creating(d.set("steps/3/recovery", "Pivot")).refused(d.invalid("steps", listed)),
		"a retriable before the pivot":                    d.creating(d.set("steps/1/recovery", "Retriable"), d.remove("steps/1/compensation")).refused(d.invalid("steps", listed)),
		"a compensatable after the pivot":                 d.creating(d.set("steps/3/recovery", "Compensatable"), d.set("steps/3/compensation", none)).refused(d.invalid("steps", listed)),
		"a retriable without any pivot":                   d.creating(d.remove("steps/2")),
		"only compensatable steps":                        d.creating(d.remove("steps/3"), d.remove("steps/2")),
		"recovery is Compensatable where nothing is said": d.creating(d.remove("steps/1/compensation")).refused(d.invalid("steps", undo)),
		"no compensation on purpose":                      d.creating(d.set("steps/1/compensation", none)),
		"a compensation on a pivot":                       d.creating(d.set("steps/2/compensation", none)).refused(d.invalid("steps", never)),
		"a compensation on a retriable":                   d.creating(d.set("steps/3/compensation", none)).refused(d.invalid("steps", never)),
		"policy None with a command":                      d.creating(d.set("steps/1/compensation/policy", "None")).refused(d.invalid("steps", eitherOr)),
		"policy Run without a command":                    d.creating(d.remove("steps/1/compensation/command")).refused(d.invalid("steps", eitherOr)),
		"an event that a command undoes":                  d.creating(d.remove("steps/1/action"), d.set("steps/1/publish", publish)),
		"an event that needs no undoing":                  d.creating(d.remove("steps/1/action"), d.set("steps/1/publish", publish), d.set("steps/1/compensation", none)),
		"a recovery that is unknown": d.creating(d.set("steps/1/recovery", "Undoable")).
			refused(d.says("steps[1].recovery", `Unsupported value: "Undoable": supported values: "Compensatable", "Pivot", "Retriable"`)),
	}
}

func (d definitionAt) exchanges() map[string]attempt {
	all := map[string]attempt{
		"an attempt count below zero": d.creating(d.set("steps/0/action/retry/maxAttempts", -1)).
			refused(d.invalid("steps[0].action.retry.maxAttempts", "-1: "+d.field+".steps[0].action.retry.maxAttempts in body should be greater than or equal to 1")),
		"no limit of attempts but by leaving it out": d.creating(d.remove("steps/0/action/retry/maxAttempts")),
	}
	return join(all, d.durations([]durationBound{
		{"deadline", "1s", "0s", "8784h", "8785h", "deadline must be from 1s to 8784h"},
		{"steps/0/action/timeout", "1s", "0s", "24h", "25h", "timeout must be from 1s to 24h"},
		{"steps/0/action/retry/initialBackoff", "1s", "999ms", "1h", "1h1s", "initialBackoff must be from 1s to 1h"},
		{"steps/0/action/retry/maxBackoff", "1s", "0h", "24h", "24h1ms", "maxBackoff must be from 1s to 24h"},
		{"steps/0/compensation/timeout", "1s", "0s", "24h", "25h", "timeout must be from 1s to 24h"},
		{"steps/0/compensation/retry/initialBackoff", "1s", "999ms", "1h", "1h1s", "initialBackoff must be from 1s to 1h"},
		{"steps/0/compensation/retry/maxBackoff", "1s", "0h", "24h", "24h1ms", "maxBackoff must be from 1s to 24h"},
	}))
}

// durationBound is a field and what it may be at least and at most.
type durationBound struct{ path, least, tooLittle, most, tooMuch, message string }

var ofAnItem = regexp.MustCompile(`/([0-9]+)/`)

// durations tries both bounds of each, and what is just beyond them.
func (d definitionAt) durations(bounds []durationBound) map[string]attempt {
	all := map[string]attempt{}
	for _, limit := range bounds {
		field := strings.ReplaceAll(ofAnItem.ReplaceAllString(limit.path, "[$1]."), "/", ".")
		all[limit.path+" at least"] = d.creating(d.set(limit.path, limit.least))
		all[limit.path+" at most"] = d.creating(d.set(limit.path, limit.most))
		for _, wrong := range []string{limit.tooLittle, limit.tooMuch} {
			all[limit.path+" of "+wrong] = d.creating(d.set(limit.path, wrong)).refused(d.invalid(field, fmt.Sprintf("%q: %s", wrong, limit.message)))
		}
	}
	return all
}
