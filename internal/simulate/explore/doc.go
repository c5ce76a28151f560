// Package explore proves a definition before it ships: it plays every life that one or two faults can give a saga, on the real
// engine, with participants that keep the wire contract and a clock that moves only when nothing else is left to happen.
//
// A life is a sequence of moves (the manager decides, sends; a command arrives; a timer runs out). Where a fault could strike,
// the life is forked; lives that have come to the same world go on as one. Each life is audited at its end: everything is done,
// or everything is undone, or it waits for a person.
//
// Source: docs/simulate.md.
package explore
