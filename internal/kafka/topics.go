package kafka

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"

	"github.com/segmentio/kafka-go"
)

// Topic is what the broker says of one topic.
type Topic struct {
	Exists     bool
	Partitions int32 // 0 where it does not exist
	Hidden     bool  // the broker does not let this user see whether it exists
}

// Topics looks at the named topics, in a picture that is at most Config.MetadataTTL old: asking often costs the
// broker nothing.
//
// Errors: ErrUnavailable, ErrRefused. A missing topic is no error.
func (c *Client) Topics(ctx context.Context, names ...string) (map[string]Topic, error) {
	if len(names) == 0 {
		return map[string]Topic{}, nil
	}
	response, err := c.metadata(ctx, names...)
	if err != nil {
		return nil, err
	}
	topics := make(map[string]Topic, len(names))
	for _, t := range response.Topics {
		switch code := kafka.Error(t.ErrorCode); code {
		case 0:
			topics[t.Name] = Topic{Exists: true, Partitions: int32(len(t.Partitions))}
		case kafka.UnknownTopicOrPartition, kafka.InvalidTopic:
			topics[t.Name] = Topic{}
		case kafka.TopicAuthorizationFailed:
			topics[t.Name] = Topic{Hidden: true}
		default:
			return nil, classify("looking at topic "+t.Name, code)
		}
	}
	return topics, nil
}

// Look looks at the named topics over a connection of its own, and at these only, so that the answer is the broker's and of this
// moment, and tells what is hidden from what does not exist.
//
// Errors: ErrConfig, ErrUnavailable, ErrRefused. A missing topic is no error.
func Look(ctx context.Context, cfg Config, names ...string) (map[string]Topic, error) {
	client, err := Connect(cfg)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	client.transport.MetadataTopics = names
	return client.Topics(ctx, names...)
}

// CreateTopics creates topics with one replica, for the demo and for tests; those that exist stay as they are.
// The operator itself never creates topics.
func (c *Client) CreateTopics(ctx context.Context, partitions int, names ...string) error {
	request := &kafka.CreateTopicsRequest{}
	for _, name := range names {
		request.Topics = append(request.Topics, kafka.TopicConfig{Topic: name, NumPartitions: partitions, ReplicationFactor: 1})
	}
	response, err := c.library().CreateTopics(ctx, request)
	if err != nil {
		c.refresh()
		return classify("creating topics", err)
	}
	var errs []error
	for name, err := range response.Errors {
		if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
			errs = append(errs, classify("creating topic "+name, err))
		}
	}
	return errors.Join(errs...)
}

// PartitionOf spreads sagas over the partitions of the reply topic by their UID. Every process chooses alike
// while the number of partitions stays the same; should it grow, replies to the old partition are still read.
func PartitionOf(uid string, partitions int32) (int32, error) {
	if partitions < 1 {
		return 0, fmt.Errorf("choosing a reply partition: %w", ErrTopicMissing)
	}
	sum := fnv.New32a()
	if _, err := sum.Write([]byte(uid)); err != nil {
		return 0, fmt.Errorf("choosing a reply partition: %w", err)
	}
	return int32(sum.Sum32() % uint32(partitions)), nil
}
