package kafka

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/segmentio/kafka-go"
)

// Begin says where to start in a topic of which the group has never committed anything. The zero value is its first record.
// Partitions that are added to it later, and those of a topic that was made anew, are read from their first record in any case.
type Begin struct {
	Latest bool      // at the end that each partition has when it is looked at first
	At     time.Time // at the first record of that time or later; zero: not by time
}

// starts returns where to begin partitions of which nothing is committed; known says whether anything is, or was, of their
// topic. What Begin decides is committed before anything is read: decided again after a crash, 'the latest' would be later.
func (o *offsets) starts(ctx context.Context, partitions []int32, known bool) (map[int32]int64, error) {
	o.mu.Lock()
	known = known || o.anew || len(o.begun) > 0 || o.cfg.Begin == Begin{}
	decided := o.decided
	o.mu.Unlock()
	if known {
		return o.first(ctx, partitions)
	}
	if decided == nil {
		var err error
		if decided, err = o.decide(ctx, partitions); err != nil {
			return nil, err
		}
		o.mu.Lock()
		o.decided = decided
		o.mu.Unlock()
	}
	if err := o.commit(ctx, decided, o.topicID()); err != nil {
		return nil, fmt.Errorf("keeping where to start: %w", err)
	}
	return maps.Clone(decided), nil
}

// decide returns the positions that Begin asks for. A partition without a record of that time or later begins at its end.
func (o *offsets) decide(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	ends, err := o.ends(ctx, partitions)
	if err != nil || o.cfg.Begin.Latest {
		return ends, err
	}
	found, err := o.list(ctx, partitions, func(id int) kafka.OffsetRequest { return kafka.TimeOffsetOf(id, o.cfg.Begin.At) })
	if err != nil {
		return nil, err
	}
	for id, p := range found {
		for offset := range p.Offsets { // one at most; negative: there is no such record
			if offset >= 0 {
				ends[id] = offset
			}
		}
	}
	return ends, nil
}

// first returns the first offset of each partition.
func (o *offsets) first(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	found, err := o.list(ctx, partitions, kafka.FirstOffsetOf)
	return offsetsOf(found, func(p kafka.PartitionOffsets) int64 { return p.FirstOffset }), err
}

// ends returns the end of each partition.
func (o *offsets) ends(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	found, err := o.list(ctx, partitions, kafka.LastOffsetOf)
	return offsetsOf(found, func(p kafka.PartitionOffsets) int64 { return p.LastOffset }), err
}

func offsetsOf(found map[int32]kafka.PartitionOffsets, which func(kafka.PartitionOffsets) int64) map[int32]int64 {
	offsets := make(map[int32]int64, len(found))
	for id, p := range found {
		offsets[id] = which(p)
	}
	return offsets
}

// list asks for one offset of each partition; an answer about fewer is an error.
func (o *offsets) list(ctx context.Context, partitions []int32, which func(partition int) kafka.OffsetRequest) (map[int32]kafka.PartitionOffsets, error) {
	requests := make([]kafka.OffsetRequest, len(partitions))
	for i, id := range partitions {
		requests[i] = which(int(id))
	}
	response, err := o.client.library().ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{o.cfg.Topic: requests},
	})
	if err != nil {
		return nil, classify("looking for offsets", err)
	}
	found := make(map[int32]kafka.PartitionOffsets, len(partitions))
	for _, p := range response.Topics[o.cfg.Topic] {
		if p.Error != nil {
			return nil, classify("looking for offsets", p.Error)
		}
		found[int32(p.Partition)] = p
	}
	if len(found) != len(partitions) {
		return nil, fmt.Errorf("looking for offsets: %w: %d of %d partitions answered", ErrUnavailable, len(found), len(partitions))
	}
	return found, nil
}

// Lag is how many offsets lie between what is to be committed and the ends that the partitions have now: records that are
// not settled, and those that are not read. The markers of transactions count until they are read.
//
// Errors: ErrUnavailable, ErrRefused, ErrTopicMissing.
func (r *Reader) Lag(ctx context.Context) (int64, error) {
	at := r.offsets.positions()
	if len(at) == 0 {
		return 0, fmt.Errorf("measuring the lag: %w: nothing is read yet", ErrUnavailable)
	}
	ends, err := r.offsets.ends(ctx, partitionsOf(at))
	if err != nil {
		return 0, err
	}
	lag := int64(0)
	for id, end := range ends {
		lag += max(end-at[id], 0)
	}
	return lag, nil
}

func partitionsOf(positions map[int32]int64) []int32 {
	ids := make([]int32, 0, len(positions))
	for id := range positions {
		ids = append(ids, id)
	}
	return ids
}

// positions returns up to where each partition is settled.
func (o *offsets) positions() map[int32]int64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := maps.Clone(o.begun)
	for id := range at {
		if stored, ok := o.stored[id]; ok {
			at[id] = stored
		}
		if waiting, ok := o.waiting[id]; ok {
			at[id] = waiting
		}
	}
	return at
}
