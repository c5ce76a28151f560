package participant

import (
	"context"
	"errors"
	"hash/maphash"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// source serves one partition for as long as it belongs to this member: it deals its messages to lanes by key, so
// that one saga's keep their order, and commits up to the first that is not answered.
type source struct {
	runner    *Runner
	out       *sender
	topic     string
	partition int
	offset    int64        // committed before; negative: nothing was
	seed      maphash.Seed // deals keys to lanes
	tracker   *tracker
	commit    func(offset int64) error
}

// laneLength is how many messages wait in one lane before reading pauses.
const laneLength = 16

// serve runs until ctx ends. Then it answers what is in hand, for Grace at most, and commits that too.
func (s *source) serve(ctx context.Context) {
	working, cancel := graceful(ctx, s.runner.Grace)
	defer cancel()
	var lanes, committing sync.WaitGroup
	queues := make([]chan Message, s.runner.Parallel)
	for i := range queues {
		queues[i] = make(chan Message, laneLength)
		lanes.Go(func() { s.lane(ctx, working, queues[i]) })
	}
	lanesEnded := make(chan struct{})
	committing.Go(func() { s.commitAsTheyFinish(lanesEnded) })

	s.deal(ctx, queues)
	for _, q := range queues {
		close(q)
	}
	lanes.Wait()
	close(lanesEnded)
	committing.Wait()
}

// deal reads until ctx ends.
func (s *source) deal(ctx context.Context, queues []chan Message) {
	wait := backoff{least: 50 * time.Millisecond, most: 5 * time.Second}
	for ctx.Err() == nil {
		err := s.read(ctx, queues, &wait)
		if err == nil || ended(ctx, err) {
			return
		}
		s.runner.Logger.Warn("Reading commands failed, trying again", "topic", s.topic, "partition", s.partition, "error", err)
		if wait.pause(ctx) != nil {
			return
		}
	}
}

func (s *source) read(ctx context.Context, queues []chan Message, wait *backoff) (err error) {
	reader, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	for {
		m, err := reader.FetchMessage(ctx)
		if err != nil {
			return err
		}
		wait.reset()
		s.offset = m.Offset + 1
		if !s.enqueue(ctx, queues[maphash.Bytes(s.seed, m.Key)%uint64(len(queues))], m) {
			return nil
		}
	}
}

func (s *source) enqueue(ctx context.Context, queue chan<- Message, m kafka.Message) bool {
	s.tracker.add(m.Offset)
	select {
	case queue <- fromKafka(m):
		return true
	case <-ctx.Done():
		return false
	}
}

// lane answers one message after the other. What still waits when ctx ends is left to whoever reads on.
func (s *source) lane(ctx, working context.Context, queue <-chan Message) {
	for m := range queue {
		if ctx.Err() == nil && s.handle(working, m) {
			s.tracker.finish(m.Offset)
		}
	}
}

// handle returns true once the message is answered, kept as a dead letter or left behind on purpose. It returns
// false only because ctx ended.
func (s *source) handle(ctx context.Context, m Message) bool {
	wait := backoff{least: 50 * time.Millisecond, most: 5 * time.Second}
	for {
		reply, err := s.runner.Processor.Process(ctx, m)
		switch {
		case err == nil:
			return s.out.reply(ctx, m, reply)
		case errors.Is(err, ErrMalformed):
			s.runner.counts.malformed.Add(1)
			return s.out.bury(ctx, m, err)
		case ctx.Err() == nil:
			s.runner.Logger.Error("Processing failed, trying again", "topic", m.Topic, "offset", m.Offset, "error", err)
		}
		if wait.pause(ctx) != nil {
			return false
		}
	}
}

// commitAsTheyFinish commits whenever the position has moved, and once more at the end. A commit that fails is
// repeated with the next one; at worst a successor answers the same commands again.
func (s *source) commitAsTheyFinish(over <-chan struct{}) {
	var committed int64
	flush := func() {
		next := s.tracker.position()
		if next <= committed {
			return
		}
		if err := s.commit(next); err != nil {
			s.runner.Logger.Warn("Committing failed", "topic", s.topic, "partition", s.partition, "offset", next, "error", err)
			return
		}
		committed = next
	}
	for {
		select {
		case <-s.tracker.change:
			flush()
		case <-over:
			flush()
			return
		}
	}
}
