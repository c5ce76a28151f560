package api

import "strings"

const participantName = "<nil>: Invalid value: the name is part of message types: it must be a DNS label of at most 63 characters"

var participantAttempts = map[string]attempt{
	"the example is accepted":   creating(participant),
	"a topic for commands only": creating(participant, remove("spec/topics/events")),
	"a topic for events only":   creating(participant, remove("spec/topics/commands")),
	"no topic at all": creating(participant, set("spec/topics", fields())).
		refused("spec.topics: Invalid value: name a topic for commands, for events, or both"),
	"a topic with a slash": creating(participant, set("spec/topics/commands", "a/b")).
		refused(`spec.topics.commands: Invalid value: "a/b": spec.topics.commands in body should match '^[a-zA-Z0-9._-]+$'`),
	"a name of 63 characters": creating(participant, set("metadata/name", strings.Repeat("a", 63))),
	"a name of 64 characters": creating(participant, set("metadata/name", strings.Repeat("a", 64))).refused(participantName),
	"a name with a dot":       creating(participant, set("metadata/name", "inventory.v2")).refused(participantName),
	"topics that change":      updating(participant, set("spec/topics/commands", "elsewhere")),
	"an unknown field": creating(participant, set("spec/topics/replies", "x")).
		refused(`SagaParticipant in version "v1alpha1" cannot be handled as a SagaParticipant: strict decoding error: unknown field "spec.topics.replies"`),
}
