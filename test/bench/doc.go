// Bench measures this machine and the operator on it, in one run: the API server's own limit, sagas per second and their
// latencies, writes and bytes per saga, the manager's costs, and what sagas cost that wait. It prints a table and leaves
// nothing behind. docs/performance.md says what each number means.
//
// What is missed by a number that depends on the machine is printed; what is missed by an exact one (writes per saga,
// writes while waiting) ends the run with exit 1.
package main
