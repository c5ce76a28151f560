package api

import "strings"

const (
	newSaga           = ": make a new saga"
	definitionIsFixed = "spec.definition: Invalid value: the definition of a saga cannot change" + newSaga
	paramsAreFixed    = "spec: Invalid value: the params of a saga cannot change" + newSaga
	sagaName          = "<nil>: Invalid value: the name is part of idempotency keys: it must have at most 128 characters"
)

// sagaAttempts are attempts on what only a saga has; its definition is tried together with SagaDefinition's.
var sagaAttempts = join(sagaCreations, sagaChanges, sagaParams, sagaOperations)

// join puts tables together.
func join(parts ...map[string]attempt) map[string]attempt {
	all := map[string]attempt{}
	for _, part := range parts {
		for name, a := range part {
			all[name] = a
		}
	}
	return all
}

var sagaCreations = map[string]attempt{
	"a saga that names its definition": creating(sagaByReference),
	"a saga that has both a definition and a reference": creating(saga, set("spec/definitionRef", fields("name", "x"))).
		refused("spec: Invalid value: a saga needs exactly one of definitionRef and definition"),
	"a saga that has neither": creating(sagaByReference, remove("spec/definitionRef")).
		refused("spec: Invalid value: a saga needs exactly one of definitionRef and definition"),
	"a name of 128 characters": creating(saga, set("metadata/name", strings.Repeat("a", 128))),
	"a name of 129 characters": creating(saga, set("metadata/name", strings.Repeat("a", 129))).refused(sagaName),
	"an unknown field": creating(saga, set("spec/dedline", "1s")).
		refused(`Saga in version "v1alpha1" cannot be handled as a Saga: strict decoding error: unknown field "spec.dedline"`),
	"params that are left out": creating(saga, remove("spec/params")),
	"an output that goes with another decision": creating(saga, set("spec/resolutions/0/action", "Skip")).
		refused("spec.resolutions[0]: Invalid value: output goes with action MarkDone only"),
	"a decision without output":   creating(saga, set("spec/resolutions/0/action", "Skip"), remove("spec/resolutions/0/output")),
	"a revision that is pinned":   creating(sagaByReference, set("spec/definitionRef/revision", "order-fulfilment-1")),
	"a revision that is left out": creating(sagaByReference, remove("spec/definitionRef/revision")),
	"a revision in capital letters": creating(sagaByReference, set("spec/definitionRef/revision", "Latest")).
		refused(`spec.definitionRef.revision: Invalid value: "Latest": spec.definitionRef.revision in body should match '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$'`),
	"a ttl of nothing":     creating(saga, set("spec/ttl", fields("completed", "0s", "otherwise", "0s"))),
	"a ttl of a leap year": creating(saga, set("spec/ttl", fields("completed", "8784h", "otherwise", "8784h"))),
	"a ttl beyond a year": creating(saga, set("spec/ttl", fields("completed", "8785h", "otherwise", "8784h1s"))).refused(
		`spec.ttl.completed: Invalid value: "8785h": completed must be at most 8784h`,
		`spec.ttl.otherwise: Invalid value: "8784h1s": otherwise must be at most 8784h`),
}

const firstStep = "spec/definition/steps/0"

var sagaChanges = map[string]attempt{
	"steps that change places":    updating(saga, swap("spec/definition/steps")).refused(definitionIsFixed),
	"a step that is added":        updating(saga, set("spec/definition/steps/4", event("late"))).refused(definitionIsFixed),
	"a step that is taken away":   updating(saga, remove("spec/definition/steps/3")).refused(definitionIsFixed),
	"a timeout that changes":      updating(saga, set(firstStep+"/action/timeout", "31s")).refused(definitionIsFixed),
	"a field that is taken away":  updating(saga, remove(firstStep+"/action/output")).refused(definitionIsFixed),
	"an input that changes":       updating(saga, set(firstStep+"/action/input/orderId", "1002")).refused(definitionIsFixed),
	"an input that is renamed":    updating(saga, rename(firstStep+"/action/input/orderId", "order")).refused(definitionIsFixed),
	"event data that is renamed":  updating(saga, rename("spec/definition/steps/3/publish/data/orderId", "order")).refused(definitionIsFixed),
	"a parameter schema, renamed": updating(saga, rename("spec/definition/parameters/required", "optional")).refused(definitionIsFixed),
	"a change beside an operational one": updating(saga, rename(firstStep+"/compensation/input/orderId", "order"), set("spec/suspend", true)).
		refused(definitionIsFixed),
	"a definition that is swapped for a reference": updating(saga, remove("spec/definition"), set("spec/definitionRef", fields("name", "x"))).
		refused(definitionIsFixed, "spec: Invalid value: the definitionRef of a saga cannot change"+newSaga),
	"a definition that is taken away": updating(saga, remove("spec/definition")).refused(definitionIsFixed),
	"a reference that changes": updating(sagaByReference, set("spec/definitionRef/name", "other")).
		refused("spec: Invalid value: the definitionRef of a saga cannot change" + newSaga),
	"a revision that changes": updating(sagaByReference, set("spec/definitionRef/revision", "order-fulfilment-1")).
		refused("spec: Invalid value: the definitionRef of a saga cannot change" + newSaga),
	"a revision that is taken away": updating(sagaByReference, remove("spec/definitionRef/revision")).
		refused("spec: Invalid value: the definitionRef of a saga cannot change" + newSaga),
	"a delay that changes":               updating(sagaGraph, set("spec/definition/steps/3/delay/for", "48h")).refused(definitionIsFixed),
	"a delay that is swapped for a time": updating(sagaGraph, remove("spec/definition/steps/3/delay/for"), set("spec/definition/steps/3/delay/until", "x")).refused(definitionIsFixed),
	"dependencies that change places":    updating(sagaGraph, swap("spec/definition/steps/3/dependsOn")).refused(definitionIsFixed),
	"an upcast's output that changes":    updating(sagaGraph, rename(firstStep+"/action/upcasts/0/output/reservationId", "id")).refused(definitionIsFixed),
	"outputs that change":                updating(sagaGraph, set("spec/definition/outputs/shipment", "s")).refused(definitionIsFixed),
	"an idempotencyKey that changes": updating(saga, set("spec/idempotencyKey", "other")).
		refused("spec: Invalid value: the idempotencyKey of a saga cannot change" + newSaga),
	"an idempotencyKey that is taken away": updating(saga, remove("spec/idempotencyKey")).
		refused("spec: Invalid value: the idempotencyKey of a saga cannot change" + newSaga),
	"an idempotencyKey that is added": updating(sagaByReference, set("spec/idempotencyKey", "k")).
		refused("spec: Invalid value: the idempotencyKey of a saga cannot change" + newSaga),
	"a businessKey that changes": updating(saga, set("spec/businessKey", "other")).
		refused("spec: Invalid value: the businessKey of a saga cannot change" + newSaga),
	"a businessKey that is taken away": updating(saga, remove("spec/businessKey")).
		refused("spec: Invalid value: the businessKey of a saga cannot change" + newSaga),
	"onKeyUsed that changes": updating(saga, set("spec/onKeyUsed", "End")).
		refused("spec: Invalid value: onKeyUsed of a saga cannot change" + newSaga),
}

var sagaParams = map[string]attempt{
	"a value that changes":           updating(saga, set("spec/params/orderId", "1002")).refused(paramsAreFixed),
	"a value of another type":        updating(saga, set("spec/params/orderId", 1001)).refused(paramsAreFixed),
	"a key that is renamed":          updating(saga, rename("spec/params/orderId", "order")).refused(paramsAreFixed),
	"a key that is renamed, deeper":  updating(saga, rename("spec/params/lines/0/sku", "article")).refused(paramsAreFixed),
	"a key that is added":            updating(saga, set("spec/params/extra", true)).refused(paramsAreFixed),
	"a key that is taken away":       updating(saga, remove("spec/params/orderId")).refused(paramsAreFixed),
	"an item that is added":          updating(saga, set("spec/params/lines/1", fields("sku", "POT", "quantity", 1))).refused(paramsAreFixed),
	"params that are taken away":     updating(saga, remove("spec/params")).refused(paramsAreFixed),
	"a value beside an abort":        updating(saga, set("spec/params/orderId", "1002"), set("spec/abort", true)).refused(paramsAreFixed),
	"a renamed key beside a suspend": updating(saga, rename("spec/params/orderId", "order"), set("spec/suspend", true)).refused(paramsAreFixed),
	"params that go beside a ttl":    updating(saga, remove("spec/params"), remove("spec/ttl")).refused(paramsAreFixed),
}

var sagaOperations = map[string]attempt{
	"nothing changes":         updating(saga),
	"nothing changes, graph":  updating(sagaGraph),
	"suspend a graph":         updating(sagaGraph, set("spec/suspend", true)),
	"suspend":                 updating(saga, set("spec/suspend", true)),
	"abort":                   updating(saga, set("spec/abort", true)),
	"adopt":                   updating(saga, set("spec/adopt", true)),
	"another deletionPolicy":  updating(saga, set("spec/deletionPolicy", "Orphan")),
	"another ttl":             updating(saga, set("spec/ttl/completed", "2h")),
	"a ttl that is gone":      updating(saga, remove("spec/ttl")),
	"a ttl that is added":     updating(sagaByReference, set("spec/ttl", fields("completed", "2h"))),
	"a resolution":            updating(sagaByReference, set("spec/resolutions", []any{fields("step", "a", "decision", 1, "action", "Retry", "by", "ada", "reason", "up again")})),
	"a resolution that goes":  updating(saga, remove("spec/resolutions")),
	"labels and annotations":  updating(saga, set("metadata/labels", fields("a", "b")), set("metadata/annotations", fields("a", "b"))),
	"all operations together": updating(saga, set("spec/suspend", true), set("spec/abort", true), set("spec/adopt", true), remove("spec/ttl")),
}
