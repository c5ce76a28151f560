package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// noGeneration marks a commit from outside of any group membership.
const noGeneration = -1

// offsets loads and commits the positions of a group without members. Commits are collected and written together.
type offsets struct {
	client *Client
	cfg    ReaderConfig

	mu      sync.Mutex
	waiting map[int32]int64 // to be committed
	stored  map[int32]int64 // acknowledged, or loaded
	topic   string          // the id that the broker gave the topic when it was made; goes with each commit
	anew    bool            // it was made anew while it was read
	begun   map[int32]int64 // the first positions; what is noted of a partition before it has one belongs to another topic
	decided map[int32]int64 // where to start, where nothing was committed and ReaderConfig.Begin had to say it
	noted   chan struct{}   // something waits
}

func newOffsets(c *Client, cfg ReaderConfig) *offsets {
	return &offsets{
		client: c, cfg: cfg, noted: make(chan struct{}, 1),
		waiting: map[int32]int64{}, stored: map[int32]int64{}, begun: map[int32]int64{},
	}
}

// note remembers a position to commit, unless that is what is stored already.
func (o *offsets) note(partition int32, position int64) {
	o.mu.Lock()
	stored, known := o.stored[partition]
	_, begun := o.begun[partition]
	switch {
	case !begun:
	case known && stored == position:
		delete(o.waiting, partition)
	default:
		o.waiting[partition] = position
	}
	waits := len(o.waiting) > 0
	o.mu.Unlock()
	if waits {
		select {
		case o.noted <- struct{}{}:
		default:
		}
	}
}

func (o *offsets) topicID() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.topic
}

// made notes the topic's id and says whether it was another one before. What was stored belonged to that one.
func (o *offsets) made(id string) (anew bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	anew = o.topic != "" && o.topic != id
	o.topic = id
	if anew {
		o.anew, o.decided = true, nil
		clear(o.stored)
		clear(o.waiting)
		clear(o.begun)
	}
	return anew
}

// begin takes commits for a partition that is read from position on. What was noted before belongs to records that are gone.
func (o *offsets) begin(partition int32, position int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.waiting, partition)
	o.begun[partition] = position
}

// load returns the committed positions, or where to start where none is committed, or what is belongs to an
// earlier topic of this name.
func (o *offsets) load(ctx context.Context, partitions []int32) (map[int32]int64, error) {
	ids := make([]int, len(partitions))
	for i, id := range partitions {
		ids[i] = int(id)
	}
	response, err := o.client.library().OffsetFetch(ctx, &kafka.OffsetFetchRequest{
		GroupID: o.cfg.Group, Topics: map[string][]int{o.cfg.Topic: ids},
	})
	if err == nil {
		err = response.Error
	}
	if errors.Is(err, kafka.GroupIdNotFound) { // some brokers say so where nothing is committed
		return o.starts(ctx, partitions, false)
	}
	if err != nil {
		return nil, classify("loading committed offsets", err)
	}
	positions, none, known := map[int32]int64{}, []int32{}, false
	for _, p := range response.Topics[o.cfg.Topic] {
		switch {
		case p.Error != nil:
			return nil, classify("loading committed offsets", p.Error)
		case p.CommittedOffset < 0:
			none = append(none, int32(p.Partition))
		case p.Metadata != "" && p.Metadata != o.topicID():
			none, known = append(none, int32(p.Partition)), true
		default:
			positions[int32(p.Partition)], known = p.CommittedOffset, true
		}
	}
	o.mu.Lock()
	maps.Copy(o.stored, positions)
	o.mu.Unlock()
	if len(none) > 0 {
		starts, err := o.starts(ctx, none, known)
		if err != nil {
			return nil, err
		}
		maps.Copy(positions, starts)
	}
	if len(positions) != len(partitions) {
		return nil, fmt.Errorf("loading committed offsets: %w: %d of %d partitions answered", ErrUnavailable, len(positions), len(partitions))
	}
	return positions, nil
}

// commit writes positions of the topic that has that id, and remembers which ones the broker has taken. Where the topic
// was made anew meanwhile, they stay under the old id, and nothing is remembered.
func (o *offsets) commit(ctx context.Context, positions map[int32]int64, topic string) error {
	request := &kafka.OffsetCommitRequest{GroupID: o.cfg.Group, GenerationID: noGeneration, Topics: map[string][]kafka.OffsetCommit{}}
	for id, position := range positions {
		request.Topics[o.cfg.Topic] = append(request.Topics[o.cfg.Topic], kafka.OffsetCommit{
			Partition: int(id), Offset: position, Metadata: topic,
		})
	}
	response, err := o.client.library().OffsetCommit(ctx, request)
	if err != nil {
		return classify("committing offsets", err)
	}
	var errs []error
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range response.Topics[o.cfg.Topic] {
		id := int32(p.Partition)
		if p.Error != nil {
			errs = append(errs, classify(fmt.Sprintf("committing the offset of partition %d", id), p.Error))
			continue
		}
		if o.topic != topic {
			continue
		}
		o.stored[id] = positions[id]
		if o.waiting[id] == positions[id] {
			delete(o.waiting, id)
		}
	}
	return errors.Join(errs...)
}

// snapshot returns what is to be committed, and the id of the topic that it belongs to.
func (o *offsets) snapshot(idle bool) (positions map[int32]int64, topic string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	positions = map[int32]int64{}
	if idle {
		maps.Copy(positions, o.stored)
	}
	maps.Copy(positions, o.waiting)
	return positions, o.topic
}

// committer writes what waits, at most every CommitEvery, and everything once every RecommitEvery, since brokers
// forget the offsets of a group that stays silent.
type committer struct {
	*offsets
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (o *offsets) start() *committer {
	ctx, cancel := context.WithCancel(context.Background())
	c := &committer{offsets: o, cancel: cancel}
	c.done.Go(func() { c.run(ctx) })
	return c
}

func (c *committer) run(ctx context.Context) {
	idle := time.NewTicker(c.cfg.RecommitEvery)
	defer idle.Stop()
	wait := c.cfg.CommitEvery
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-idle.C:
			err = c.write(ctx, true)
		case <-c.noted:
			if pause(ctx, wait) != nil {
				return
			}
			err = c.write(ctx, false)
		}
		if wait = c.cfg.CommitEvery; err != nil {
			c.cfg.Log.V(1).Info("Committing offsets failed", "error", err.Error())
			wait = c.cfg.BackoffAtMost
			c.again()
		}
	}
}

// again lets the loop come back although nobody has noted anything.
func (c *committer) again() {
	select {
	case c.noted <- struct{}{}:
	default:
	}
}

func (c *committer) write(ctx context.Context, idle bool) error {
	positions, topic := c.snapshot(idle)
	if len(positions) == 0 {
		return nil
	}
	return c.commit(ctx, positions, topic)
}

// stop ends the loop and commits what still waits, for a few seconds at most.
func (c *committer) stop() {
	c.cancel()
	c.done.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), MaxBackoff)
	defer cancel()
	if err := c.write(ctx, false); err != nil {
		c.cfg.Log.Info("Committing the last offsets failed, they are read again", "error", err.Error())
	}
}
