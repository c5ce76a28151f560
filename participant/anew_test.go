package participant_test

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/sagas-dev/saga-operator/participant"
	"github.com/sagas-dev/saga-operator/participant/participanttest"
)

// TestATopicThatIsMadeAnewQuicklyIsReadFromItsStart deletes and makes the commands' topic while a service reads it, faster
// than the service could notice that it was missing.
func TestATopicThatIsMadeAnewQuicklyIsReadFromItsStart(t *testing.T) {
	op := participanttest.Start(t, commands)
	s := newShop(t, prepared(t, openSQLite(t, filepath.Join(t.TempDir(), "books.db")), participant.SQLite), participant.SQLite)
	runner := &participant.Runner{Brokers: op.Brokers(), Topics: []string{commands}, Group: "shop", Processor: s,
		Alone: true, Grace: time.Second, Logger: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- runner.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the runner ended with %v", err)
		}
	})
	for range 3 { // so that the new topic is shorter than what was read of the old one
		op.Ask(t, commands, take)
	}
	makeAnew(t, op)
	if got := op.Ask(t, commands, give); got.Outcome != "succeeded" {
		t.Errorf("undoing was answered %s %s", got.Outcome, got.Code)
	}
	s.expectBooks(t, 1, 0)
}

func makeAnew(t *testing.T, op *participanttest.Operator) {
	t.Helper()
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &kafka.Client{Addr: kafka.TCP(op.Brokers()...), Transport: transport, Timeout: participanttest.Patience}
	deleted, err := client.DeleteTopics(t.Context(), &kafka.DeleteTopicsRequest{Topics: []string{commands}})
	if err != nil || deleted.Errors[commands] != nil {
		t.Fatalf("deleting the topic: %v, %v", err, deleted)
	}
	made, err := client.CreateTopics(t.Context(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: commands, NumPartitions: 2, ReplicationFactor: 1}}})
	if err != nil || made.Errors[commands] != nil {
		t.Fatalf("making the topic anew: %v, %v", err, made)
	}
}
