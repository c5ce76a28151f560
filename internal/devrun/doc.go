// Package devrun runs sagas on a developer's machine: an embedded broker, the engine with its state in memory, and stubs in place of the
// participants that are not there. Services take part over the real wire contract, and need not know that there is no cluster.
//
// Source: docs/dev.md.
package devrun
