package api

import "strings"

const (
	triggerEither = "spec: Invalid value: a trigger needs exactly one of definitionRef and order"
	triggerOwn    = "spec: Invalid value: params, businessKey and ttl go with definitionRef only: an order gives its saga its own"
	triggerName   = "<nil>: Invalid value: the name is part of names and the value of a label of sagas: it must have at most 63 characters"
	triggerFrom   = `spec.startFrom: Invalid value: "string": type conversion error from 'string' to 'google.protobuf.Timestamp' evaluating rule: ` +
		"startFrom must be Earliest, Latest or a time such as 2026-11-22T10:00:00Z"
)

var triggerAttempts = map[string]attempt{
	"a trigger of sagas is accepted":  creating(sagaTrigger),
	"a trigger of orders is accepted": creating(orderTrigger),
	"neither a saga nor an order":     creating(sagaTrigger, remove("spec/definitionRef")).refused(triggerEither),
	"both a saga and an order":        creating(orderTrigger, set("spec/definitionRef", fields("name", "order"))).refused(triggerEither),
	"an order with params":            creating(orderTrigger, set("spec/params", fields("a", "b"))).refused(triggerOwn),
	"an order with a business key":    creating(orderTrigger, set("spec/businessKey", "b")).refused(triggerOwn),
	"an order with a ttl":             creating(orderTrigger, set("spec/ttl", fields("completed", "1h"))).refused(triggerOwn),
	"params that are a text": creating(sagaTrigger, set("spec/params", "${event.data}")).
		refused(`spec.params: Invalid value: "string": spec.params in body must be of type object: "string"`),
	"an order that is a text": creating(orderTrigger, set("spec/order", "${event.data}")).
		refused(`spec.order: Invalid value: "string": spec.order in body must be of type object: "string"`),
	"a topic with a slash": creating(sagaTrigger, set("spec/topic", "a/b")).
		refused(`spec.topic: Invalid value: "a/b": spec.topic in body should match '^[a-zA-Z0-9._-]+$'`),
	"a type with a space": creating(sagaTrigger, set("spec/types/0", "order placed")).
		refused(`spec.types[0]: Invalid value: "order placed": spec.types[0] in body should match '^[!-~]+$'`),
	"from the latest on":     creating(sagaTrigger, set("spec/startFrom", "Latest")),
	"from a second on":       creating(sagaTrigger, set("spec/startFrom", "2026-11-22T10:00:00Z")),
	"from the 30th February": creating(sagaTrigger, set("spec/startFrom", "2026-02-30T10:00:00Z")).refused(triggerFrom),
	"nothing may be active": creating(sagaTrigger, set("spec/maxActive", int64(0))).
		refused("spec.maxActive: Invalid value: 0: spec.maxActive in body should be greater than or equal to 1"),
	"a name of 63 characters":     creating(sagaTrigger, set("metadata/name", strings.Repeat("a", 63))),
	"a name of 64 characters":     creating(sagaTrigger, set("metadata/name", strings.Repeat("a", 64))).refused(triggerName),
	"a name with a dot":           creating(sagaTrigger, set("metadata/name", "orders.placed")),
	"everything of it may change": updating(sagaTrigger, set("spec/topic", "elsewhere"), set("spec/startFrom", "Earliest"), set("spec/suspend", true)),
	"it may make orders instead":  updating(sagaTrigger, remove("spec/definitionRef"), remove("spec/params"), remove("spec/businessKey"), remove("spec/ttl"), set("spec/order", fields("a", "b"))),
	"an unknown field": creating(sagaTrigger, set("spec/offset", int64(7))).
		refused(`SagaTrigger in version "v1alpha1" cannot be handled as a SagaTrigger: strict decoding error: unknown field "spec.offset"`),
}
