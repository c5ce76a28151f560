package kafka

import (
	"context"
	"errors"

	"github.com/segmentio/kafka-go"
)

// MakeTopic creates a topic with as many replicas as the broker gives by default. It says whether it did: one that exists
// stays as it is.
//
// Errors: ErrUnavailable, ErrRefused.
func (c *Client) MakeTopic(ctx context.Context, name string, partitions int) (made bool, err error) {
	response, err := c.library().CreateTopics(ctx, &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: name, NumPartitions: partitions, ReplicationFactor: -1}},
	})
	if err == nil {
		err = response.Errors[name]
	}
	if errors.Is(err, kafka.TopicAlreadyExists) {
		return false, nil
	}
	c.refresh() // else the library does not see it for as long as MetadataTTL
	return err == nil, classify("creating topic "+name, err)
}

// DeleteTopic deletes a topic with all that it holds. One that does not exist is no error.
//
// Errors: ErrUnavailable, ErrRefused.
func (c *Client) DeleteTopic(ctx context.Context, name string) error {
	response, err := c.library().DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{name}})
	if err == nil {
		err = response.Errors[name]
	}
	c.refresh()
	if errors.Is(err, kafka.UnknownTopicOrPartition) {
		return nil
	}
	return classify("deleting topic "+name, err)
}
