package wire

import "strings"

// RepliesTopic is where participants answer the installation.
func RepliesTopic(installation string) string { return installation + ".saga.replies" }

// OutcomesTopic is where the installation announces the ends of its sagas.
func OutcomesTopic(installation string) string { return installation + ".saga.outcomes" }

// DeadLettersTopic is where the installation keeps messages that it cannot use and that must not be lost.
func DeadLettersTopic(installation string) string { return installation + deadLetters }

// IsDeadLettersTopic says whether a topic is that of dead letters, of whichever installation.
func IsDeadLettersTopic(topic string) bool { return strings.HasSuffix(topic, deadLetters) }

const deadLetters = ".saga.deadletters"
