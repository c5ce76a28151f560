// Package order maps an OrderWorkflow to the Saga that fulfils it, and that Saga's status back to the order's.
// All of it is pure: no client, no clock. The controller gathers, stores and creates.
package order
