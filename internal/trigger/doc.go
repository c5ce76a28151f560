// Package trigger starts sagas and orders from the events of Kafka topics. What an event becomes is decided by a Plan, which
// is pure; a run reads one trigger's topic and makes the objects; Runs keeps one run for each trigger.
//
// An event's offset moves only once the event is dealt with: its object is made or was made before, it starts
// nothing, or the broker has acknowledged it on the dead-letter topic. Source: docs/triggers.md.
package trigger
