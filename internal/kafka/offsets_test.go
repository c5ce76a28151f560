package kafka

import (
	"context"
	"testing"

	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// TestAPositionStaysWithTheTopicItBelongsTo makes the topic anew between the moments in which a position is taken and
// committed: whoever reads the new topic must not begin there.
func TestAPositionStaysWithTheTopicItBelongsTo(t *testing.T) {
	cluster := kafkatest.Start(t)
	topic, ctx := cluster.Topic(t, 1), context.Background()
	cluster.Produce(t, wire.Message{Topic: topic, Value: []byte("one")}, wire.Message{Topic: topic, Value: []byte("two")})
	client, err := Connect(Config{Brokers: cluster.Brokers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	reading := newOffsets(client, ReaderConfig{Topic: topic, Group: kafkatest.Name("group")})
	reading.made("old")
	reading.begin(0, 0)
	reading.note(0, 2)
	positions, of := reading.snapshot(false)
	if !reading.made("new") {
		t.Fatal("another id is not taken for another topic")
	}
	if err := reading.commit(ctx, positions, of); err != nil {
		t.Fatal(err)
	}
	loaded, err := reading.load(ctx, []int32{0})
	if err != nil {
		t.Fatal(err)
	}
	if loaded[0] != 0 {
		t.Errorf("the new topic is read from offset %d, which is the old one's", loaded[0])
	}
	if idle, _ := reading.snapshot(true); len(idle) != 0 {
		t.Errorf("%v would be committed again for the new topic", idle)
	}
}
