package participant

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
)

// topicsEvery is how often a topic that is missing is looked for, and how often new partitions are.
const topicsEvery = 15 * time.Second

// serveGroup waits for the topics, joins the group and serves generation after generation. It returns when ctx ends
// or when the group cannot be joined.
func (r *Runner) serveGroup(ctx context.Context, out *sender, wait *backoff) error {
	if err := r.awaitTopics(ctx); err != nil {
		return err
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: r.Group, Brokers: r.Brokers, Topics: r.Topics, Dialer: r.Dialer, StartOffset: kafka.FirstOffset,
		SessionTimeout: r.SessionTimeout, RebalanceTimeout: r.SessionTimeout, HeartbeatInterval: r.SessionTimeout / 5,
		JoinGroupBackoff: time.Second, WatchPartitionChanges: true, PartitionWatchInterval: topicsEvery,
	})
	if err != nil {
		return fmt.Errorf("joining group %s: %w", r.Group, err)
	}
	defer func() {
		if err := group.Close(); err != nil {
			r.Logger.Warn("Leaving the group failed", "group", r.Group, "error", err)
		}
	}()
	for {
		generation, err := group.Next(ctx)
		if err != nil {
			if errors.Is(err, kafka.RebalanceInProgress) {
				continue // it is the broker that paces this
			}
			return fmt.Errorf("joining group %s: %w", r.Group, err)
		}
		wait.reset()
		r.startGeneration(generation, out)
	}
}

// startGeneration serves each partition that the group gave to this member, for as long as it is given.
func (r *Runner) startGeneration(generation *kafka.Generation, out *sender) {
	for topic, assigned := range generation.Assignments {
		for _, a := range assigned {
			s := &source{runner: r, out: out, topic: topic, partition: a.ID, offset: a.Offset,
				seed: maphash.MakeSeed(), tracker: newTracker(), commit: func(offset int64) error {
					return generation.CommitOffsets(map[string]map[int]int64{topic: {a.ID: offset}})
				}}
			generation.Start(s.serve)
			if r.Outbox != nil && topic == r.Topics[0] && a.ID == 0 {
				generation.Start(r.relay(out).run)
			}
		}
		r.Logger.Info("Serving", "topic", topic, "partitions", len(assigned), "generation", generation.ID)
	}
}

// awaitTopics returns once every topic exists. It asks without making the broker create them.
func (r *Runner) awaitTopics(ctx context.Context) error {
	client := r.client()
	wait := backoff{least: 200 * time.Millisecond, most: topicsEvery}
	said := ""
	for {
		missing, err := r.missingTopics(ctx, client)
		if err == nil && len(missing) == 0 {
			return nil
		}
		if now := fmt.Sprint(missing, err); now != said && ctx.Err() == nil {
			said = now
			r.Logger.Warn("Waiting for broker and topics", "brokers", r.Brokers, "missing", missing, "error", err)
		}
		if err := wait.pause(ctx); err != nil {
			return err
		}
	}
}

func (r *Runner) missingTopics(ctx context.Context, client *kafka.Client) ([]string, error) {
	seen, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: r.Topics})
	if err != nil {
		return r.Topics, fmt.Errorf("asking for topics: %w", err)
	}
	missing := slices.Clone(r.Topics)
	for _, t := range seen.Topics {
		if t.Error == nil && len(t.Partitions) > 0 {
			missing = slices.DeleteFunc(missing, func(name string) bool { return name == t.Name })
		}
	}
	return missing, nil
}

// start is where to read a partition from: what the group has committed, or the first offset where nothing is, or
// where the topic was made anew and the committed offset lies beyond its end.
func (s *source) start(ctx context.Context) (int64, error) {
	if s.offset < 0 {
		return kafka.FirstOffset, nil
	}
	listed, err := s.runner.client().ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{s.topic: {kafka.LastOffsetOf(s.partition)}},
	})
	if err != nil {
		return 0, fmt.Errorf("asking for the end of %s/%d: %w", s.topic, s.partition, err)
	}
	for _, p := range listed.Topics[s.topic] {
		if p.Error != nil {
			return 0, fmt.Errorf("asking for the end of %s/%d: %w", s.topic, s.partition, p.Error)
		}
		if s.offset > p.LastOffset {
			s.runner.Logger.Warn("Topic was made anew, reading from its start", "topic", s.topic, "partition", s.partition,
				"committed", s.offset, "end", p.LastOffset)
			return kafka.FirstOffset, nil
		}
	}
	return s.offset, nil
}

// open starts reading where start says. The caller closes the reader.
func (s *source) open(ctx context.Context) (*kafka.Reader, error) {
	offset, err := s.start(ctx)
	if err != nil {
		return nil, err
	}
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers: s.runner.Brokers, Dialer: s.runner.Dialer, Topic: s.topic, Partition: s.partition,
		MinBytes: 1, MaxBytes: 4 << 20, MaxWait: time.Second, QueueCapacity: 256, MaxAttempts: 3,
		ReadBackoffMin: 20 * time.Millisecond, ReadBackoffMax: time.Second,
		OffsetOutOfRangeError: true, // or it would wait at an offset that a topic made anew does not have
	})
	if err := reader.SetOffset(offset); err != nil {
		return nil, errors.Join(fmt.Errorf("setting the offset: %w", err), reader.Close())
	}
	return reader, nil
}

// ended is whether a read error only says that reading is over.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, io.EOF)
}
