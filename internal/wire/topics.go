package wire

// RepliesTopic is where participants answer the installation.
func RepliesTopic(installation string) string { return installation + ".saga.replies" }

// OutcomesTopic is where the installation announces the ends of its sagas.
func OutcomesTopic(installation string) string { return installation + ".saga.outcomes" }

// DeadLettersTopic is where the installation keeps replies that settle nothing and must not be lost.
func DeadLettersTopic(installation string) string { return installation + ".saga.deadletters" }
