// Package dispatch is the one path on which messages leave the manager. What it is offered must have been stored before:
// it keeps no record of its own, sends each id until the broker has acknowledged it once in this process, and
// shares the way out fairly.
//
// Source: docs/architecture.md, "Guarantees" (G1 Persist, then send; G8 Fair).
package dispatch
