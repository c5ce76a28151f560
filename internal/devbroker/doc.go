// Package devbroker is an embedded broker of one process that speaks Kafka's protocol and keeps its records in memory, for
// developing sagas and services on one machine. It knows which topics somebody reads.
package devbroker
