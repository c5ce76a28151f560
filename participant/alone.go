package participant

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// position is a partition and the offset that the group has committed for it; negative: none.
type position struct {
	topic     string
	partition int
	offset    int64
}

// serveAlone serves every partition without being a member of the group, so that a process that was killed is
// replaced at once. It returns when ctx ends, when partitions were added, or when the broker cannot be asked.
func (r *Runner) serveAlone(ctx context.Context, out *sender, wait *backoff) error {
	if err := r.awaitTopics(ctx); err != nil {
		return err
	}
	client := r.client()
	positions, err := r.positions(ctx, client)
	if err != nil {
		return err
	}
	wait.reset()
	serving, stop := context.WithCancel(ctx)
	defer stop()
	var sources sync.WaitGroup
	defer sources.Wait()
	defer stop() // runs before Wait
	for _, p := range positions {
		s := &source{runner: r, out: out, topic: p.topic, partition: p.partition, offset: p.offset,
			seed: maphash.MakeSeed(), tracker: newTracker(),
			commit: func(offset int64) error { return r.commitAlone(client, p, offset) }}
		sources.Go(func() { s.serve(serving) })
	}
	r.Logger.Info("Serving", "topics", r.Topics, "partitions", len(positions), "group", r.Group)
	return r.awaitPartitions(ctx, client, len(positions))
}

func (r *Runner) client() *kafka.Client {
	return &kafka.Client{Addr: kafka.TCP(r.Brokers...), Transport: r.Transport, Timeout: 5 * time.Second}
}

// partitions asks which partitions the topics have.
func (r *Runner) partitions(ctx context.Context, client *kafka.Client) (map[string][]int, error) {
	seen, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: r.Topics})
	if err != nil {
		return nil, fmt.Errorf("asking for partitions: %w", err)
	}
	found := map[string][]int{}
	for _, t := range seen.Topics {
		if t.Error != nil {
			return nil, fmt.Errorf("asking for the partitions of %s: %w", t.Name, t.Error)
		}
		for _, p := range t.Partitions {
			found[t.Name] = append(found[t.Name], p.ID)
		}
	}
	return found, nil
}

func (r *Runner) positions(ctx context.Context, client *kafka.Client) ([]position, error) {
	partitions, err := r.partitions(ctx, client)
	if err != nil {
		return nil, err
	}
	fetched, err := client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: r.Group, Topics: partitions})
	if err == nil {
		err = fetched.Error
	}
	if errors.Is(err, kafka.GroupIdNotFound) { // a group that never committed
		return fromTheFirst(partitions), nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking for committed offsets: %w", err)
	}
	var all []position
	for topic, committed := range fetched.Topics {
		for _, p := range committed {
			if p.Error != nil {
				return nil, fmt.Errorf("asking for the committed offset of %s/%d: %w", topic, p.Partition, p.Error)
			}
			all = append(all, position{topic: topic, partition: p.Partition, offset: p.CommittedOffset})
		}
	}
	return all, nil
}

func fromTheFirst(partitions map[string][]int) []position {
	var all []position
	for topic, ids := range partitions {
		for _, id := range ids {
			all = append(all, position{topic: topic, partition: id, offset: -1})
		}
	}
	return all
}

// commitAlone commits under the group's name without being a member: generation -1. It is bounded by a time of its
// own, since it also runs when the Runner stops.
func (r *Runner) commitAlone(client *kafka.Client, p position, offset int64) error {
	ctx, cancel := context.WithTimeout(context.Background(), r.Grace)
	defer cancel()
	done, err := client.OffsetCommit(ctx, &kafka.OffsetCommitRequest{
		GroupID: r.Group, GenerationID: -1,
		Topics: map[string][]kafka.OffsetCommit{p.topic: {{Partition: p.partition, Offset: offset}}},
	})
	if err != nil {
		return fmt.Errorf("committing %s/%d: %w", p.topic, p.partition, err)
	}
	for _, c := range done.Topics[p.topic] {
		if c.Error != nil {
			return fmt.Errorf("committing %s/%d: %w", p.topic, p.partition, c.Error)
		}
	}
	return nil
}

// awaitPartitions returns when there are other partitions than those served. While the broker is away it waits.
func (r *Runner) awaitPartitions(ctx context.Context, client *kafka.Client, served int) error {
	tick := time.NewTicker(topicsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		partitions, err := r.partitions(ctx, client)
		if err != nil {
			r.Logger.Debug("Looking for new partitions failed", "error", err)
			continue
		}
		count := 0
		for _, p := range partitions {
			count += len(p)
		}
		if count != served {
			return fmt.Errorf("%d partitions are served, there are %d now", served, count)
		}
	}
}
