// Package e2e installs the operator with its chart in a kind cluster of three nodes, runs the sample services beside it, and
// takes away what a cluster takes away: pods, nodes, releases, namespaces. After each scenario the services' books must balance.
//
// It takes minutes and needs Docker, so it runs where E2E is set; make test-e2e sets it. Further variables:
//
//   - KIND_NODE_IMAGE names the nodes' image; without it kind takes its own.
//   - E2E_KAFKA=embedded keeps the operator on the broker in the cluster. Otherwise it moves to Apache Kafka on this machine.
//     There is no mode with an operator for Kafka such as Strimzi, whose images this has not been tried with.
//   - KEEP=1 leaves the cluster, until the next run, and says how to look at it.
package e2e
