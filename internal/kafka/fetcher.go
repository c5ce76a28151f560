package kafka

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// fetchers are at work, one for each broker that leads partitions.
type fetchers struct {
	leaders map[int32]int32 // of the partitions they read
	cancel  context.CancelFunc
	done    sync.WaitGroup
}

func (f *fetchers) start(ctx context.Context, r *Reader, leaders map[int32]int32) {
	ctx, f.cancel = context.WithCancel(ctx)
	f.leaders = leaders
	led := map[int32][]int32{}
	for id, leader := range leaders {
		led[leader] = append(led[leader], id)
	}
	for leader, ids := range led {
		slices.Sort(ids)
		worker := &fetcher{Reader: r, leader: leader, ids: ids}
		f.done.Go(func() { worker.run(ctx) })
	}
}

// stop ends all fetchers and waits for them.
func (f *fetchers) stop() {
	if f.cancel != nil {
		f.cancel()
		f.done.Wait()
	}
	f.leaders, f.cancel = nil, nil
}

// fetcher reads the partitions that one broker leads.
type fetcher struct {
	*Reader
	leader int32
	ids    []int32
}

// Bounds of what may be cut off in a row before that is a failure. What takes longer may have been an outage, in which nobody
// could answer.
const (
	cutsAtMost = 3           // connections: as many as may lie idle together
	cutsWithin = time.Second // beyond one fetch's wait
)

// run fetches until ctx is done. A partition that fails is left out for a while, the others go on. A connection that is cut
// off is no failure yet: brokers end sessions whose time is over, and what silence means must not depend on that.
func (f *fetcher) run(ctx context.Context) {
	cuts, asked := 0, time.Time{}
	for f.gate.pass(ctx) == nil {
		due, wait := f.due()
		if len(due) == 0 {
			if pause(ctx, wait) != nil {
				return
			}
			continue
		}
		if cuts == 0 {
			asked = time.Now()
		}
		started := f.client.cfg.Now()
		response, err := f.client.fetch(ctx, &fetchRequest{
			leader: f.leader, topic: f.cfg.Topic, wait: f.cfg.Wait, partitions: due,
		})
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			if cuts++; cuts > cutsAtMost || !cutOff(err) || time.Since(asked) > f.cfg.Wait+cutsWithin {
				f.failed(due, err)
			}
			continue
		}
		cuts = 0
		for _, part := range response.partitions {
			f.take(ctx, part, started)
		}
	}
}

// due returns what to fetch now, or how long to wait for the first that may be tried again.
func (f *fetcher) due() (due []fetchPosition, wait time.Duration) {
	wait = f.cfg.BackoffAtMost
	f.board.mu.Lock()
	defer f.board.mu.Unlock()
	for _, id := range f.ids {
		p := f.board.partitions[id]
		if p == nil {
			continue
		}
		if left := time.Until(p.retryAt); left > 0 {
			wait = min(wait, left)
			continue
		}
		due = append(due, fetchPosition{partition: id, offset: p.position})
	}
	return due, wait
}

// failed puts partitions off, each time for twice as long, and asks for a look at the leaders.
func (f *fetcher) failed(positions []fetchPosition, err error) {
	f.board.update(func(partitions map[int32]*partition) error {
		for _, at := range positions {
			if p := partitions[at.partition]; p != nil {
				p.readable = false
				p.backoff = min(max(2*p.backoff, f.cfg.BackoffAtFirst), f.cfg.BackoffAtMost)
				p.retryAt = time.Now().Add(p.backoff)
			}
		}
		return err
	})
	f.nudge()
}

// take gives the records of one partition to the sink and moves its position.
func (f *fetcher) take(ctx context.Context, part fetched, started time.Time) {
	position, ok := f.position(part.partition)
	if !ok {
		return
	}
	at := []fetchPosition{{partition: part.partition, offset: position}}
	if part.code == kafka.OffsetOutOfRange {
		f.reset(ctx, at[0])
		return
	}
	if part.code != 0 {
		f.failed(at, classify(fmt.Sprintf("reading %s, partition %d", f.cfg.Topic, part.partition), part.code))
		return
	}
	messages, next, err := part.committed(position)
	for _, m := range messages {
		m.Topic, m.Partition = f.cfg.Topic, part.partition
		f.cfg.Sink.Deliver(ctx, m)
	}
	if next > position {
		f.cfg.Sink.Advanced(part.partition, next)
	}
	f.moved(part.partition, next, func(p *partition) {
		if err == nil {
			p.readable, p.backoff, p.retryAt = true, 0, time.Time{}
			p.hear(started, part.highWatermark)
		}
	})
	if err != nil {
		f.failed(at, fmt.Errorf("reading %s, partition %d: %w", f.cfg.Topic, part.partition, err))
	}
}

func (f *fetcher) position(id int32) (int64, bool) {
	f.board.mu.Lock()
	defer f.board.mu.Unlock()
	p := f.board.partitions[id]
	if p == nil {
		return 0, false
	}
	return p.position, true
}

// moved stores the position and what else follows from a fetch.
func (f *fetcher) moved(id int32, position int64, also func(*partition)) {
	f.board.update(func(partitions map[int32]*partition) error {
		if p := partitions[id]; p != nil {
			p.position = position
			also(p)
		}
		return nil
	})
}

// reset goes to the first offset, since the position lies beyond the end or before the start: the topic has been
// made anew, or its retention has run over us.
func (f *fetcher) reset(ctx context.Context, at fetchPosition) {
	first, err := f.offsets.first(ctx, []int32{at.partition})
	if err != nil {
		f.failed([]fetchPosition{at}, err)
		return
	}
	report := Reset{Partition: at.partition, From: at.offset, To: first[at.partition]}
	f.cfg.Log.Info("Position does not exist any more, reading from the first record", "topic", f.cfg.Topic,
		"partition", report.Partition, "from", report.From, "to", report.To)
	f.cfg.Sink.Reset(report.Partition, report.To)
	f.offsets.begin(report.Partition, report.To)
	f.offsets.note(report.Partition, report.To) // or the same would be found and reported after the next start
	f.moved(at.partition, report.To, func(p *partition) { p.mark = mark{} })
	if f.cfg.OnReset != nil {
		f.cfg.OnReset(report)
	}
}
