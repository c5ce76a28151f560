// Package simulate runs sagas in a virtual world: participants that keep the wire contract, a network that may repeat,
// reorder, delay and drop, a store with compare-and-swap, managers that read stale copies and crash, and a clock that moves
// only when it is told to. Nothing in it reads a real clock or draws a random number: whoever drives the world chooses what
// happens next, so that every run can be repeated.
//
// Its property tests play random schedules of random definitions, each from a seed of its own. A failure is made small and told as
// a story. A deep run is
//
//	make fuzz-engine N=1000000
//	go test ./internal/engine -run AnyEvents -seeds=20000
//	go test ./internal/engine -run '^$' -fuzz FuzzNext -fuzztime 10m
//
// and `make fuzz-engine-mutants` shows that they find an engine that was broken on purpose.
//
// Source: docs/architecture.md, "Wire contract" and "Guarantees".
package simulate
