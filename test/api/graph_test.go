package api

import (
	"fmt"
	"strings"
)

// Where the steps of the graph example are.
const (
	reserve  = "steps/0" // an action
	announce = "steps/1" // an event
	paid     = "steps/2" // an await
	coolOff  = "steps/3" // a delay, for
	monday   = "steps/4" // a delay, until
	approve  = "steps/5" // an approval, the Pivot
	ship     = "steps/6" // a Retriable action
)

const (
	oneKind = "every step needs exactly one of action, publish, await, delay and approval"
	inOrder = "steps must be listed as Compensatable ones first, then at most one Pivot, then Retriable ones"
)

// graphAttempts are attempts on what a sequence of actions does not show: steps of every kind, and dependsOn.
func graphAttempts(example, path string) map[string]attempt {
	d := definitionAt{example: example, path: path, field: strings.ReplaceAll(path, "/", ".")}
	return join(d.dependencies(), d.kinds(), d.participants(), d.failures(), d.waits(), d.undoings(), d.answers(), d.concurrencies())
}

func (d definitionAt) dependencies() map[string]attempt {
	earlier := d.invalid("steps", "dependsOn names earlier steps only: list a step after those that it waits for")
	onStep := func(path string, names ...any) attempt { return d.creating(d.set(path+"/dependsOn", names)) }
	return map[string]attempt{
		"the example is accepted":          d.creating(),
		"all earlier steps are waited for": onStep(coolOff, "reserve", "announce", "paid"),
		"nothing is waited for":            onStep(coolOff),
		"a later step":                     onStep(paid, "cool-off").refused(earlier),
		"the step itself":                  onStep(paid, "paid").refused(earlier),
		"a step that does not exist":       onStep(paid, "prepaid").refused(earlier),
		"an earlier step and a later one":  onStep(coolOff, "reserve", "approve").refused(earlier),
		"the same step twice":              onStep(coolOff, "reserve", "announce", "reserve").refused(d.invalid("steps[3].dependsOn", "dependsOn names each step once")),
		"a name that is empty":             onStep(coolOff, "").refused(d.invalid("steps[3].dependsOn[0]", `"": `+d.field+".steps[3].dependsOn[0] in body should be at least 1 chars long"), earlier),
	}
}

func (d definitionAt) kinds() map[string]attempt {
	all := map[string]attempt{
		"a delay as the Pivot": d.creating(d.remove(approve+"/approval"), d.set(approve+"/delay", fields("for", "1h"))).
			refused(d.invalid("steps", "a delay changes nothing: it cannot be the Pivot")),
		"an await as the Pivot": d.creating(d.remove(approve+"/approval"), d.set(approve+"/participant", "payment"),
			d.set(approve+"/await", fields("event", "paid", "timeout", "1h"))),
		"a second Pivot": d.creating(d.set(ship+"/recovery", "Pivot")).refused(d.invalid("steps", inOrder)),
		"a Compensatable delay after the Pivot": d.creating(d.remove(ship+"/action"), d.set(ship+"/delay", fields("for", "1h")), d.set(ship+"/recovery", "Compensatable")).
			refused(d.invalid("steps", inOrder)),
	}
	kinds := map[string]string{"action": reserve, "publish": announce, "await": paid, "delay": coolOff, "approval": approve}
	for kind, step := range kinds {
		all["a step that has lost its "+kind] = d.creating(d.remove(step + "/" + kind)).refused(d.invalid("steps", oneKind))
		if kind != "action" {
			all["a step with "+kind+" and action"] = d.creating(d.set(step+"/action", fields("command", "a")), d.set(step+"/participant", "x"),
				d.set(step+"/recovery", "Retriable"), d.remove(step+"/compensation"), d.remove(step+"/onFailure")).
				refused(append(d.outOfOrder(step), d.invalid("steps", oneKind))...)
		}
	}
	return all
}

// outOfOrder is said where a step before the Pivot is made Retriable.
func (d definitionAt) outOfOrder(step string) []string {
	if step == approve {
		return nil
	}
	return []string{d.invalid("steps", inOrder)}
}

func (d definitionAt) participants() map[string]attempt {
	needed := d.invalid("steps", "a step that sends or awaits something needs a participant")
	none := fields("policy", "None")
	return map[string]attempt{
		"an action without participant":                   d.creating(d.remove(reserve + "/participant")).refused(needed),
		"an event without participant":                    d.creating(d.remove(announce + "/participant")).refused(needed),
		"an await without participant":                    d.creating(d.remove(paid + "/participant")).refused(needed),
		"a delay that a command undoes, and nobody does":  d.creating(d.set(coolOff+"/compensation", fields("command", "warm-up"))).refused(needed),
		"a delay that a participant undoes":               d.creating(d.set(coolOff+"/compensation", fields("command", "warm-up")), d.set(coolOff+"/participant", "kitchen")),
		"a delay that says that there is nothing to undo": d.creating(d.set(coolOff+"/compensation", none)),
		"a delay with a participant":                      d.creating(d.set(coolOff+"/participant", "kitchen")),
		"an approval with a participant":                  d.creating(d.set(approve+"/participant", "office")),
	}
}

func (d definitionAt) failures() map[string]attempt {
	only := "only a Compensatable step may say onFailure: Continue"
	return map[string]attempt{
		"a Pivot that may fail":                     d.creating(d.set(approve+"/onFailure", "Continue")).refused(d.invalid("steps", only)),
		"a Retriable step that may fail":            d.creating(d.set(ship+"/onFailure", "Continue")).refused(d.invalid("steps", only)),
		"a Pivot that says what is so anyway":       d.creating(d.set(approve+"/onFailure", "Compensate")),
		"an action that may fail":                   d.creating(d.set(reserve+"/onFailure", "Continue")),
		"a failure that means something unknown":    d.creating(d.set(reserve+"/onFailure", "Ignore")).refused(d.says("steps[0].onFailure", `Unsupported value: "Ignore": supported values: "Compensate", "Continue"`)),
		"a condition of no characters":              d.creating(d.set(reserve+"/when", "")).refused(d.invalid("steps[0].when", `"": `+d.field+".steps[0].when in body should be at least 1 chars long")),
		"a condition of 2048 characters":            d.creating(d.set(reserve+"/when", strings.Repeat("a", 2048))),
		"a condition of 2049 characters":            d.creating(d.set(reserve+"/when", strings.Repeat("a", 2049))).refused(d.says("steps[0].when", "Too long: may not be more than 2048 bytes")),
		"an action that nothing undoes, on purpose": d.creating(d.set(reserve+"/compensation", fields("policy", "None"))),
		"an action that nothing undoes": d.creating(d.remove(reserve + "/compensation")).
			refused(d.invalid("steps", "a Compensatable step needs a compensation; where it changes nothing, say compensation: {policy: None}")),
		"an event that nothing takes back": d.creating(d.remove(announce + "/compensation")).
			refused(d.invalid("steps", "a Compensatable step needs a compensation; where it changes nothing, say compensation: {policy: None}")),
	}
}

func (d definitionAt) waits() map[string]attempt {
	exactly := "a delay needs exactly one of for and until"
	approvers := func(n int) attempt { return d.creating(d.set(approve+"/approval/approvers", n)) }
	ofApprovers := func(n int, message string) string {
		return d.invalid("steps[5].approval.approvers", fmt.Sprintf("%d: %s.steps[5].approval.approvers in body should be %s", n, d.field, message))
	}
	return join(map[string]attempt{
		"an await without timeout":     d.creating(d.remove(paid + "/await/timeout")).refused(d.says("steps[2].await.timeout", "Required value")),
		"an await of nothing":          d.creating(d.remove(paid + "/await/event")).refused(d.says("steps[2].await.event", "Required value")),
		"an await with a timeout only": d.creating(d.set(paid+"/await", fields("event", "paid", "timeout", "1h"))),
		"a delay for and until":        d.creating(d.set(coolOff+"/delay/until", "${params.monday}")).refused(d.invalid("steps[3].delay", exactly)),
		"a delay until and for":        d.creating(d.set(monday+"/delay/for", "1h")).refused(d.invalid("steps[4].delay", exactly)),
		"a delay of nothing":           d.creating(d.set(coolOff+"/delay", fields())).refused(d.invalid("steps[3].delay", exactly)),
		"an approval of nothing more":  d.creating(d.set(approve+"/approval", fields())),
		"one approver":                 approvers(1),
		"no approvers":                 approvers(0).refused(ofApprovers(0, "greater than or equal to 1")),
		"three approvers":              approvers(3).refused(ofApprovers(3, "less than or equal to 2")),
	}, d.durations([]durationBound{
		{paid + "/await/timeout", "1s", "999ms", "8784h", "8784h1s", "timeout must be from 1s to 8784h"},
		{coolOff + "/delay/for", "1s", "0s", "8784h", "8785h", "for must be from 1s to 8784h"},
		{approve + "/approval/timeout", "1s", "0s", "8784h", "8784h1ms", "timeout must be from 1s to 8784h"},
	}))
}

func (d definitionAt) undoings() map[string]attempt {
	const oneUndoing = "a compensation needs exactly one of a command, an event to publish, and policy None"
	event := fields("event", "released")
	return map[string]attempt{
		"a command and an event undo":      d.creating(d.set(reserve+"/compensation/publish", event)).refused(d.invalid("steps", oneUndoing)),
		"a command and nothing undo":       d.creating(d.set(reserve+"/compensation/policy", "None")).refused(d.invalid("steps", oneUndoing)),
		"an event and nothing undo":        d.creating(d.set(announce+"/compensation/policy", "None")).refused(d.invalid("steps", oneUndoing)),
		"neither of them undoes":           d.creating(d.remove(reserve + "/compensation/command")).refused(d.invalid("steps", oneUndoing)),
		"an event undoes an action":        d.creating(d.set(reserve+"/compensation", fields("publish", event))),
		"a command takes an event back":    d.creating(d.set(announce+"/compensation", fields("command", "forget"))),
		"a command undoes an await":        d.creating(d.set(paid+"/compensation", fields("command", "pay-back"))),
		"an undoing event may be lost":     d.creating(d.set(announce+"/compensation/publish/delivery", "AtMostOnce")).refused(d.invalid("steps[1].compensation.publish", "what undoes a step is delivered AtLeastOnce")),
		"an event forward may be lost":     d.creating(d.set(announce+"/publish/delivery", "AtMostOnce")),
		"an event is delivered otherwise":  d.creating(d.set(announce+"/publish/delivery", "Once")).refused(d.says("steps[1].publish.delivery", `Unsupported value: "Once": supported values: "AtLeastOnce", "AtMostOnce"`)),
		"an undoing event has an input":    d.creating(d.set(announce+"/compensation/input", fields("a", "b"))).refused(d.invalid("steps[1].compensation", "the event that undoes a step has data of its own: write publish.data instead of input")),
		"an undoing command has one":       d.creating(d.set(reserve+"/compensation/input", fields("a", "b"))),
		"the name of an event is a type":   d.creating(d.set(announce+"/publish/event", "order.seen")).refused(d.notAnEvent("steps[1].publish.event", "order.seen")),
		"the name of an undoing event too": d.creating(d.set(announce+"/compensation/publish/event", "Seen")).refused(d.notAnEvent("steps[1].compensation.publish.event", "Seen")),
	}
}

func (d definitionAt) notAnEvent(field, value string) string {
	return d.invalid(field, fmt.Sprintf("%q: %s.%s in body should match '^[a-z]([-a-z0-9]*[a-z0-9])?$'", value, d.field, field))
}

func (d definitionAt) answers() map[string]attempt {
	codes := func(list string, n int) attempt {
		var all []any
		for i := range n {
			all = append(all, fmt.Sprintf("CODE_%d", i))
		}
		return d.creating(d.set(reserve+"/action/retry/"+list, all))
	}
	const retry, once = "steps[0].action.retry.", "there can be only one upcast for a dataSchema"
	second := fields("dataSchema", "transfer/v1", "output", fields())
	return map[string]attempt{
		"32 codes that are retried":         codes("retryable", 32),
		"33 codes that are retried":         codes("retryable", 33).refused(d.says(retry+"retryable", "Too many: 33: must have at most 32 items")),
		"33 codes that are not":             codes("nonRetryable", 33).refused(d.says(retry+"nonRetryable", "Too many: 33: must have at most 32 items")),
		"a code of no characters":           d.creating(d.set(reserve+"/action/retry/retryable/0", "")).refused(d.invalid(retry+"retryable[0]", `"": `+d.field+"."+retry+"retryable[0] in body should be at least 1 chars long")),
		"a code of 64 characters":           d.creating(d.set(reserve+"/action/retry/nonRetryable/0", strings.Repeat("A", 64))).refused(d.says(retry+"nonRetryable[0]", "Too long: may not be more than 63 bytes")),
		"two upcasts of one version":        d.creating(d.set(reserve+"/action/upcasts/1/dataSchema", "reserved/v1")).refused(d.invalid("steps[0].action.upcasts", once)),
		"two upcasts of an await":           d.creating(d.set(paid+"/await/upcasts/1", second)).refused(d.invalid("steps[2].await.upcasts", once)),
		"an upcast to nothing":              d.creating(d.remove(reserve + "/action/upcasts/0/output")).refused(d.says("steps[0].action.upcasts[0].output", "Required value")),
		"an awaited event of two services":  d.creating(d.set(paid+"/await/event", "payment.received")).refused(d.notAnEvent("steps[2].await.event", "payment.received")),
		"a success that is a type":          d.creating(d.set(reserve+"/action/events/succeeded", "inventory.reserved")).refused(d.notAnEvent("steps[0].action.events.succeeded", "inventory.reserved")),
		"a failure in capital letters":      d.creating(d.set(reserve+"/action/events/failed", "FAILED")).refused(d.notAnEvent("steps[0].action.events.failed", "FAILED")),
		"one event for success and failure": d.creating(d.set(reserve+"/action/events/failed", "reserved")).refused(d.invalid("steps[0].action.events", "succeeded and failed must be two events")),
		"only one of the events is named":   d.creating(d.remove(reserve + "/action/events/failed")),
	}
}

func (d definitionAt) concurrencies() map[string]attempt {
	active := func(n int) attempt { return d.creating(d.set("maxActive", n)) }
	return map[string]attempt{
		"an observed saga":              d.creating(d.set("mode", "Observed")),
		"a mode that is unknown":        d.creating(d.set("mode", "Choreographed")).refused(d.says("mode", `Unsupported value: "Choreographed": supported values: "Orchestrated", "Observed"`)),
		"a new saga is refused":         d.creating(d.set("concurrency/policy", "Reject")),
		"a new saga aborts the other":   d.creating(d.set("concurrency/policy", "AbortRunning")),
		"a policy that is unknown":      d.creating(d.set("concurrency/policy", "Replace")).refused(d.says("concurrency.policy", `Unsupported value: "Replace": supported values: "Queue", "Reject", "AbortRunning"`)),
		"a concurrency without policy":  d.creating(d.remove("concurrency/policy")).refused(d.says("concurrency.policy", "Required value")),
		"a concurrency without key":     d.creating(d.remove("concurrency/key")).refused(d.says("concurrency.key", "Required value")),
		"one saga at a time":            active(1),
		"a million sagas at a time":     active(1000000),
		"no saga at any time":           active(0).refused(d.invalid("maxActive", "0: "+d.field+".maxActive in body should be greater than or equal to 1")),
		"more than a million at a time": active(1000001).refused(d.invalid("maxActive", "1000001: "+d.field+".maxActive in body should be less than or equal to 1000000")),
	}
}
