// Package docs runs the commands that the documentation shows, and fails where one does not do what is said there.
//
// A fenced block of commands has a comment right before it:
//
//	<!-- test: install -->          it is a step of the scenario "install", run by bash -euo pipefail, in order
//	<!-- not tested: why not -->    nobody runs it, for that reason
//	<!-- output -->                 no commands: the lines are in what the block before has printed, in this order
//	<!-- do: lose etcd -->          no block follows: the test does something here that nobody would type
//
// In a block of the language console, lines that begin with "$ " are commands and the others what they print. In expected lines
// … stands for anything, and numbers, ages and hashes for any of their kind.
//
// What needs kubectl only runs on a real control plane in every test run. Where E2E is set, and Docker is there, what needs a
// cluster runs in one of kind; where FAULTS is set, what needs Apache Kafka runs on it.
package docs
