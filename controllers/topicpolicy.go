package controllers

import (
	"fmt"
	"strings"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// refusedTopic says why a participant may not be sent to, for people: a topic that it names is not one that its namespace may
// name. Empty: it may. Every topic counts, also one that the saga at hand would not use.
func refusedTopic(policy topicpolicy.Policy, participant *v1alpha1.SagaParticipant) string {
	for _, topic := range []string{participant.Spec.Topics.Commands, participant.Spec.Topics.Events} {
		switch {
		case topic == "" || policy.Permits(participant.Namespace, topic):
		case topicpolicy.Reserved(topic):
			return fmt.Sprintf("Topic %q is an operator's own or Kafka's, and no participant's", topic)
		default:
			return fmt.Sprintf("Topic %q is not permitted in namespace %q, whose topics %s", topic, participant.Namespace,
				mustBegin(policy.Prefixes(participant.Namespace)))
		}
	}
	return ""
}

// refusedReading says why a trigger may not read its topic, for people; empty: it may.
func refusedReading(policy topicpolicy.Policy, trigger *v1alpha1.SagaTrigger) string {
	topic, namespace := trigger.Spec.Topic, trigger.Namespace
	switch {
	case policy.PermitsReading(namespace, topic):
		return ""
	case wire.IsDeadLettersTopic(topic):
		return fmt.Sprintf("Topic %q holds dead letters of all namespaces: a rule of the operator's topic policy must permit it to namespace %q by its whole name", topic, namespace)
	case topicpolicy.Reserved(topic):
		return fmt.Sprintf("Topic %q is an operator's own or Kafka's, and no trigger's", topic)
	}
	return fmt.Sprintf("Topic %q is not permitted in namespace %q, whose topics %s", topic, namespace, mustBegin(policy.Prefixes(namespace)))
}

func mustBegin(prefixes []string) string {
	if len(prefixes) == 0 {
		return "nobody has permitted yet (the operator's topic policy)"
	}
	return fmt.Sprintf("begin with %s (the operator's topic policy)", strings.Join(prefixes, ", "))
}
