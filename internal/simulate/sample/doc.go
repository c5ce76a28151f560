// Package sample makes values where nobody gives any: the least that a JSON Schema takes, and what the expressions of a
// definition read. It guesses, and never judges: whether a value is right, the schema and the expressions themselves say.
package sample
