// Package simulate runs sagas in a virtual world: participants that keep the wire contract, a network that may repeat,
// reorder, delay and drop, a store with compare-and-swap, managers that read stale copies and crash, and a clock that moves
// only when it is told to. Nothing in it reads a real clock or draws a random number: whoever drives the world chooses what
// happens next, so that every run can be repeated.
//
// Its property tests are short by default; a deep run is
//
//	go test ./internal/simulate -rapid.checks=20000 -rapid.steps=60
//	go test ./internal/engine -run AnyEvents -seeds=20000
//	go test ./internal/engine -run '^$' -fuzz FuzzNext -fuzztime 10m
//
// Source: docs/architecture.md, "Wire contract" and "Guarantees".
package simulate
