package kafka

import (
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// What callers branch on. Each comes wrapped with what was being done.
var (
	ErrUnavailable  = errors.New("broker is not available")             // passing: try again later
	ErrTopicMissing = errors.New("topic does not exist")                // somebody has to create it
	ErrRefused      = errors.New("broker refuses")                      // stays so until a person changes something
	ErrConfig       = errors.New("configuration of Kafka is not valid") // before any connection
)

// refusals are answers of the broker that do not pass by waiting.
var refusals = []kafka.Error{
	kafka.MessageSizeTooLarge, kafka.InvalidTopic, kafka.RecordListTooLarge, kafka.TopicAuthorizationFailed,
	kafka.GroupAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.SASLAuthenticationFailed,
	kafka.UnsupportedSASLMechanism, kafka.InvalidRecord, kafka.InvalidPartitionNumber, kafka.InvalidReplicationFactor,
	kafka.PolicyViolation, kafka.UnsupportedVersion,
}

// classify wraps a library's error in one of ours. Whatever is not known to last is taken to pass.
func classify(doing string, err error) error {
	kind := ErrUnavailable
	var tooLarge kafka.MessageTooLargeError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrTopicMissing), errors.Is(err, ErrRefused), errors.Is(err, ErrUnavailable), errors.Is(err, ErrConfig):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, kafka.UnknownTopicOrPartition):
		kind = ErrTopicMissing
	case errors.As(err, &tooLarge):
		kind = ErrRefused
	default:
		for _, refusal := range refusals {
			if errors.Is(err, refusal) {
				kind = ErrRefused
			}
		}
	}
	return fmt.Errorf("%s: %w: %w", doing, kind, err)
}
