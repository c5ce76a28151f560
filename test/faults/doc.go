// Package faults holds the slow tests: orders run over a real broker while managers, services or the broker are killed. They
// run where FAULTS is set; make test-faults sets it.
package faults
