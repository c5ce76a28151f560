package main

import "github.com/go-logr/logr"

// quiet is where the manager's library logs to. What it says of the election, at each try, goes to debug: the lease and the
// requirements tell the same, once.
type quiet struct{ logr.LogSink }

// electionLogger is the name under which the library logs what its election does.
const electionLogger = "leaderelection"

// WithName gives the election a sink of its own.
func (q quiet) WithName(name string) logr.LogSink {
	if name == electionLogger {
		return hushed{q.LogSink.WithName(name)}
	}
	return quiet{q.LogSink.WithName(name)}
}

// WithValues keeps it quiet.
func (q quiet) WithValues(values ...any) logr.LogSink { return quiet{q.LogSink.WithValues(values...)} }

// hushed logs everything for debugging only.
type hushed struct{ logr.LogSink }

// Enabled says whether anything is logged.
func (h hushed) Enabled(int) bool { return h.LogSink.Enabled(1) }

// Info logs at the level of debugging.
func (h hushed) Info(_ int, text string, values ...any) { h.LogSink.Info(1, text, values...) }

// Error logs an error, at the level of debugging.
func (h hushed) Error(err error, text string, values ...any) {
	if h.LogSink.Enabled(1) {
		h.LogSink.Info(1, text, append(values, "err", err)...)
	}
}

// WithName keeps it hushed.
func (h hushed) WithName(name string) logr.LogSink { return hushed{h.LogSink.WithName(name)} }

// WithValues keeps it hushed.
func (h hushed) WithValues(values ...any) logr.LogSink {
	return hushed{h.LogSink.WithValues(values...)}
}
