// Package kafkatest gives tests a broker: the one that KAFKA_BROKERS names, or an embedded one. It talks to it
// through another client library than the operator does, so that no mistake is made twice.
package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/sagas-dev/saga-operator/test/kafkatest/fakebroker"
)

// BrokersEnv names the brokers to test on, host:port with commas between; unset: an embedded one.
const BrokersEnv = "KAFKA_BROKERS"

// Patience is how long helpers wait for the broker before the test fails.
const Patience = 30 * time.Second

// Cluster is a broker that a test may use together with others: topics have names of their own.
type Cluster struct {
	Brokers []string
	client  *kgo.Client
	admin   *kadm.Client
}

// Start gives the test a broker and takes it away at the end.
func Start(t testing.TB) *Cluster {
	t.Helper()
	if named := os.Getenv(BrokersEnv); named != "" {
		return Use(t, strings.Split(named, ",")...)
	}
	broker, err := fakebroker.Start("", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return Use(t, broker.Addr())
}

// Use makes a cluster of brokers that run already.
func Use(t testing.TB, brokers ...string) *Cluster {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.MetadataMinAge(20*time.Millisecond), kgo.MetadataMaxAge(time.Second)) // topics come and go quickly here
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &Cluster{Brokers: brokers, client: client, admin: kadm.NewClient(client)}
}

var names atomic.Int64

// Name makes a name that no other test uses.
func Name(prefix string) string {
	return fmt.Sprintf("%s-%d-%d", prefix, time.Now().UnixNano(), names.Add(1))
}

// Topic creates a topic with a name of its own and so many partitions.
func (c *Cluster) Topic(t testing.TB, partitions int32) string {
	t.Helper()
	name := Name("topic")
	c.CreateTopics(t, partitions, name)
	return name
}

// CreateTopics creates the named topics; those that exist stay as they are.
func (c *Cluster) CreateTopics(t testing.TB, partitions int32, topics ...string) {
	t.Helper()
	Eventually(t, "a broker to put topics on", func() bool {
		responses, err := c.admin.CreateTopics(patient(t), partitions, 1, nil, topics...)
		if err != nil {
			t.Fatalf("creating topics: %v", err)
		}
		return allCreated(t, responses)
	})
	c.awaitTopics(t, topics...)
}

// allCreated says whether no topic is missing because the broker, which a starved machine has kept from its heartbeats, is fenced for
// a moment.
func allCreated(t testing.TB, responses kadm.CreateTopicResponses) bool {
	t.Helper()
	for _, r := range responses {
		switch {
		case errors.Is(r.Err, kerr.InvalidReplicationFactor):
			return false
		case r.Err != nil && !errors.Is(r.Err, kerr.TopicAlreadyExists):
			t.Fatalf("creating topic %s: %v", r.Topic, r.Err)
		}
	}
	return true
}

// awaitTopics waits until the leaders of the topics answer for them: brokers say 'created' a little earlier.
func (c *Cluster) awaitTopics(t testing.TB, topics ...string) {
	t.Helper()
	Eventually(t, "topics that are led", func() bool {
		ends, err := c.admin.ListEndOffsets(patient(t), topics...)
		return err == nil && ends.Error() == nil && len(ends) == len(topics)
	})
}

// AddPartitions lets the topic have so many more.
func (c *Cluster) AddPartitions(t testing.TB, topic string, more int) {
	t.Helper()
	if _, err := c.admin.CreatePartitions(patient(t), more, topic); err != nil {
		t.Fatalf("adding partitions: %v", err)
	}
}

// DeleteTopic deletes the topic and waits until it is gone.
func (c *Cluster) DeleteTopic(t testing.TB, topic string) {
	t.Helper()
	if _, err := c.admin.DeleteTopics(patient(t), topic); err != nil {
		t.Fatalf("deleting topic: %v", err)
	}
	Eventually(t, "topic to be gone", func() bool {
		details, err := c.admin.ListTopics(patient(t), topic)
		return err == nil && !details.Has(topic)
	})
}

// Committed returns the offsets that the group has committed for the topic, by partition.
func (c *Cluster) Committed(t testing.TB, group, topic string) map[int32]int64 {
	t.Helper()
	offsets := map[int32]int64{}
	var responses kadm.OffsetResponses
	Eventually(t, "committed offsets", func() (done bool) {
		var err error
		responses, err = c.admin.FetchOffsets(patient(t), group)
		return err == nil || errors.Is(err, kerr.GroupIDNotFound) // nothing is committed yet
	})
	for id, o := range responses[topic] {
		offsets[id] = o.At
	}
	return offsets
}

// Ends returns the high watermark of each partition.
func (c *Cluster) Ends(t testing.TB, topic string) map[int32]int64 {
	t.Helper()
	listed, err := c.admin.ListEndOffsets(patient(t), topic)
	if err != nil {
		t.Fatalf("reading ends: %v", err)
	}
	ends := map[int32]int64{}
	for id, o := range listed[topic] {
		ends[id] = o.Offset
	}
	return ends
}

// Eventually waits until the condition holds, and fails the test where it does not in time.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("still waiting for %s after %s", what, Patience)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// patient is a context that ends with the test, or when the broker takes too long.
func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}
