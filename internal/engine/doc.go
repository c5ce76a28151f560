// Package engine decides what a saga does next. It is pure: the same program, stored state, time and events always give
// the same answer, and nothing in it reads a clock, talks to a server or draws a random number.
//
//	program, err := engine.Compile(definition, expressions) // once per revision
//	run := program.For(saga)                                // bound to one saga's identity and params
//	state, verdicts := run.Next(state, now, events)         // decide; the caller stores the state
//	commands, err := run.Pending(stored)                    // what is asked and not answered, from what was stored
//	timers := run.Timers(stored)                            // when to look again
//	status := engine.Summarize(program, stored, facts)      // phase and conditions, for people and programs
//
// Source: docs/architecture.md, "Life of a saga".
package engine
