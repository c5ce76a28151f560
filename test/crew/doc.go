// Package crew runs child processes for the demo, the fault tests and the benchmark: their output goes to logs, they die
// with their parent, they can be killed, frozen and started again.
package crew
