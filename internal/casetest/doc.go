// Package casetest runs the cases that people write about their definitions: what each participant answers, what else happens and
// when, and what must come of it. A case runs the saga as the operator would, on a clock of its own.
//
// Source: docs/testing.md.
package casetest
