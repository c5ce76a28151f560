package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"github.com/segmentio/kafka-go"

	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Sink takes what the reader reads. Its methods are called in order for each partition, and at the same time for
// several.
type Sink interface {
	// Deliver takes one committed record. It must not wait for the broker: that would hold up all that follows.
	Deliver(ctx context.Context, m wire.Message)
	// Advanced says that everything before position has been delivered, or needs no delivery.
	Advanced(partition int32, position int64)
	// Reset says that the partition is read from position on, whatever was before: at the start, and when its
	// position did not exist any more. Offsets seen earlier mean nothing now.
	Reset(partition int32, position int64)
}

// ReaderConfig says what to read.
type ReaderConfig struct {
	Topic string
	Group string // its committed offsets are where reading starts; it has no members
	Begin Begin  // where reading starts while nothing of the topic is committed
	Sink  Sink

	OnReadable     func(Readability) // told of each change, in order; must not wait; may be nil
	OnTrouble      func(error)       // told when what keeps partitions from being read is of another kind; nil: nothing does; must not wait; may be nil
	OnReset        func(Reset)       // told when a position did not exist any more; may be nil
	Wait           time.Duration     // longest wait of one fetch; 400 ms by default
	RefreshEvery   time.Duration     // how often partitions and leaders are looked at; 10 s by default
	CommitEvery    time.Duration     // how often offsets are committed at most; 1 s by default
	RecommitEvery  time.Duration     // how often they are committed when idle; 24 h by default
	BackoffAtFirst time.Duration     // after a failure, then doubled each time; 100 ms by default
	BackoffAtMost  time.Duration     // MaxBackoff by default
	Log            logr.Logger
}

// MaxBackoff is the longest wait of a reader before it tries again, unless it is configured.
const MaxBackoff = 5 * time.Second

// Reset is a position that did not exist any more, and the first offset that was taken instead.
type Reset struct {
	Partition int32
	From, To  int64
}

// Reader reads all partitions of one topic, without membership of a group. It needs no restart, whatever the
// broker does.
type Reader struct {
	client  *Client
	cfg     ReaderConfig
	board   *board
	gate    gate
	offsets *offsets
	nudged  chan struct{} // someone wants leaders to be looked at
}

// NewReader makes a reader; Run starts it.
func NewReader(c *Client, cfg ReaderConfig) *Reader {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{
		{&cfg.Wait, 400 * time.Millisecond}, {&cfg.RefreshEvery, 10 * time.Second}, {&cfg.CommitEvery, time.Second},
		{&cfg.RecommitEvery, 24 * time.Hour}, {&cfg.BackoffAtFirst, 100 * time.Millisecond}, {&cfg.BackoffAtMost, MaxBackoff},
	} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	return &Reader{
		client: c, cfg: cfg, nudged: make(chan struct{}, 1),
		board:   &board{now: c.cfg.Now, change: cfg.OnReadable, trouble: cfg.OnTrouble, partitions: map[int32]*partition{}},
		offsets: newOffsets(c, cfg),
	}
}

// Pause stops fetching after what is under way; Resume goes on. While paused, HeardUntil stands still.
func (r *Reader) Pause() { r.gate.shut() }

// Resume lets fetching go on.
func (r *Reader) Resume() { r.gate.lift() }

// Commit notes the position to commit for a partition. It is written soon, together with others.
func (r *Reader) Commit(partition int32, position int64) { r.offsets.note(partition, position) }

// Readability says since when all partitions have been readable, or why they are not.
func (r *Reader) Readability() Readability { return r.board.readability() }

// ReadableSince says since when every partition has been readable without a break; ok is false while one is not.
func (r *Reader) ReadableSince() (since time.Time, ok bool) {
	state := r.board.readability()
	return state.Since, state.OK()
}

// HeardUntil is the latest time for which everything that stood in any partition then has been given to the sink.
// It advances while the topic is idle, by one fetch every ReaderConfig.Wait. Records of transactions that are still
// open have not been read, so an open transaction holds it back.
func (r *Reader) HeardUntil() time.Time { return r.board.heardUntil() }

// Partitions is the number of partitions that are read; 0 before they are known.
func (r *Reader) Partitions() int32 { return r.board.count() }

// ReplyPartition is where the saga of that UID is to be answered.
//
// Errors: ErrTopicMissing before the partitions are known.
func (r *Reader) ReplyPartition(uid string) (int32, error) { return PartitionOf(uid, r.Partitions()) }

// Run reads until ctx is done, then commits what there is to commit.
func (r *Reader) Run(ctx context.Context) error {
	committing := r.offsets.start()
	defer committing.stop()
	var crew fetchers
	defer r.ended()
	defer crew.stop()
	backoff := r.cfg.BackoffAtFirst
	for ctx.Err() == nil {
		wait := r.cfg.RefreshEvery
		if err := r.assign(ctx, &crew); err != nil {
			r.lost(err)
			wait, backoff = backoff, min(2*backoff, r.cfg.BackoffAtMost)
		} else {
			backoff = r.cfg.BackoffAtFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		case <-r.nudged:
			if pause(ctx, r.cfg.BackoffAtFirst) != nil {
				return nil
			}
		}
	}
	return nil
}

// lost notes a failure that concerns the topic as a whole. Fetchers at work know better about their partitions.
func (r *Reader) lost(err error) {
	r.board.update(func(partitions map[int32]*partition) error {
		if errors.Is(err, ErrTopicMissing) {
			clear(partitions) // what comes under this name later is another topic
		}
		return err
	})
}

// ended says that nothing is read any more.
func (r *Reader) ended() {
	r.board.update(func(partitions map[int32]*partition) error {
		for _, p := range partitions {
			p.readable = false
		}
		return context.Canceled
	})
}

// assign looks at partitions and leaders, and sets fetchers to work where these have changed.
func (r *Reader) assign(ctx context.Context, crew *fetchers) error {
	leaders, err := r.leaders(ctx)
	if errors.Is(err, ErrTopicMissing) {
		crew.stop()
	}
	if err != nil {
		return err
	}
	id, err := r.client.topicID(ctx, r.cfg.Topic)
	if err != nil {
		return err
	}
	if r.offsets.made(id) {
		crew.stop()
		r.abandon()
	}
	if maps.Equal(leaders, crew.leaders) {
		return nil
	}
	crew.stop()
	if err := r.begin(ctx, leaders); err != nil {
		return err
	}
	crew.start(ctx, r, leaders)
	return nil
}

// abandon forgets all positions: they belong to a topic that is gone, even where its successor has such offsets.
func (r *Reader) abandon() {
	var resets []Reset
	r.board.update(func(partitions map[int32]*partition) error {
		for id, p := range partitions {
			resets = append(resets, Reset{Partition: id, From: p.position})
		}
		clear(partitions)
		return fmt.Errorf("reading %s: %w: it was made anew", r.cfg.Topic, ErrUnavailable)
	})
	r.cfg.Log.Info("The topic was made anew, reading it from the first record", "topic", r.cfg.Topic)
	for _, reset := range resets {
		if r.cfg.OnReset != nil {
			r.cfg.OnReset(reset)
		}
	}
}

// leaders returns the leader of each partition, -1 for one without.
func (r *Reader) leaders(ctx context.Context) (map[int32]int32, error) {
	response, err := r.client.metadata(ctx, r.cfg.Topic)
	if err != nil {
		return nil, err
	}
	leaders := map[int32]int32{}
	for _, t := range response.Topics {
		if t.ErrorCode != 0 {
			return nil, classify("reading "+r.cfg.Topic, kafka.Error(t.ErrorCode))
		}
		for _, p := range t.Partitions {
			leaders[p.PartitionIndex] = p.LeaderID
		}
	}
	if len(leaders) == 0 {
		return nil, fmt.Errorf("reading %s: %w: it has no partitions", r.cfg.Topic, ErrUnavailable)
	}
	return leaders, nil
}

// begin gives partitions that are new their first position and forgets those that are gone.
func (r *Reader) begin(ctx context.Context, leaders map[int32]int32) error {
	var added []int32
	r.board.update(func(partitions map[int32]*partition) error {
		maps.DeleteFunc(partitions, func(id int32, _ *partition) bool { _, ok := leaders[id]; return !ok })
		for id := range leaders {
			if partitions[id] == nil {
				added = append(added, id)
			}
		}
		return nil
	})
	if len(added) == 0 {
		return nil
	}
	slices.Sort(added)
	positions, err := r.offsets.load(ctx, added)
	if err != nil {
		return err
	}
	for id, position := range positions {
		r.cfg.Sink.Reset(id, position)
		r.offsets.begin(id, position)
	}
	r.board.update(func(partitions map[int32]*partition) error {
		for id, position := range positions {
			partitions[id] = &partition{id: id, position: position}
		}
		return nil
	})
	return nil
}

// nudge asks for a look at the leaders, soon.
func (r *Reader) nudge() {
	r.client.refresh()
	select {
	case r.nudged <- struct{}{}:
	default:
	}
}

// pause waits for d or until ctx is done, which it returns as an error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
