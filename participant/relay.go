package participant

import (
	"context"
	"errors"
	"time"

	"github.com/segmentio/kafka-go"
)

// relay sends the events of an outbox, and removes those that the broker has acknowledged.
//
// It sends an event only when those before it about the same key were acknowledged, to itself or to another relay that removed them.
// So, whatever crashes and however many relays run, of each key's events each comes first after all before it; what comes again is
// known by its id. That one relay runs at a time, where a group decides who, only saves messages.
type relay struct {
	runner *Runner
	from   *Participant
	out    *sender
}

const (
	outboxEvery = 500 * time.Millisecond // how often events are looked for that other processes store
	outboxBatch = 200                    // events that are in memory at once
)

// run sends until ctx ends, and then for Grace at most what is in hand.
func (r *relay) run(ctx context.Context) {
	working, cancel := graceful(ctx, r.runner.Grace)
	defer cancel()
	idle := backoff{least: 5 * time.Millisecond, most: outboxEvery}
	trouble := backoff{least: 50 * time.Millisecond, most: 5 * time.Second}
	for ctx.Err() == nil {
		more, err := r.sendSome(ctx, working)
		switch {
		case err != nil && ctx.Err() == nil:
			r.runner.Logger.Warn("Publishing events failed, trying again", "topic", r.from.config.EventsTopic, "error", err)
			err = trouble.pause(ctx)
		case more:
			trouble.reset()
		default:
			trouble.reset()
			err = idle.pauseUnless(ctx, r.from.outbox.stored)
		}
		if err != nil {
			return
		}
	}
}

// sendSome sends the first events of the outbox, and says whether there may be more.
func (r *relay) sendSome(ctx, working context.Context) (more bool, err error) {
	waiting, err := r.from.outbox.first(working, r.from.config.DB, outboxBatch)
	if err != nil {
		return false, err
	}
	more = len(waiting) == outboxBatch
	for len(waiting) > 0 && ctx.Err() == nil {
		due, later := firstOfEachKey(waiting)
		refused, failed := r.send(working, due)
		err = errors.Join(err, failed)
		waiting = without(later, refused)
	}
	return more, err
}

// firstOfEachKey divides events into those that may be sent now and those that come after them. Both keep their order.
func firstOfEachKey(all []kept) (first, later []kept) {
	seen := map[string]bool{}
	for _, k := range all {
		if key := string(k.message.Key); seen[key] {
			later = append(later, k)
		} else {
			seen[key] = true
			first = append(first, k)
		}
	}
	return first, later
}

// without leaves out the events about keys.
func without(all []kept, keys map[string]bool) []kept {
	var left []kept
	for _, k := range all {
		if !keys[string(k.message.Key)] {
			left = append(left, k)
		}
	}
	return left
}

// send sends events about different keys, and removes those that the broker has. It returns the keys of the others, and why.
func (r *relay) send(ctx context.Context, due []kept) (refused map[string]bool, err error) {
	refused = map[string]bool{}
	var sent []kept
	for i, failed := range r.out.publish(ctx, due) {
		if failed == nil {
			sent = append(sent, due[i])
			continue
		}
		refused[string(due[i].message.Key)] = true
		err = failed // of many that are alike, one says enough
	}
	r.runner.counts.published.Add(int64(len(sent)))
	return refused, errors.Join(err, r.forget(ctx, sent))
}

// forget removes events from the outbox, and is patient: one that stays is sent again.
func (r *relay) forget(ctx context.Context, sent []kept) error {
	wait := backoff{least: 5 * time.Millisecond, most: 2 * time.Second}
	for {
		err := r.from.outbox.remove(ctx, r.from.config.DB, sent)
		if err == nil || !transient(err) || wait.pause(ctx) != nil {
			return err
		}
	}
}

// publish returns for each event nil, once the broker has it, or why it may not have it.
func (s *sender) publish(ctx context.Context, events []kept) []error {
	messages := make([]kafka.Message, len(events))
	for i, k := range events {
		messages[i] = k.message.kafka()
	}
	failed := make([]error, len(events))
	err := s.writer.WriteMessages(ctx, messages...)
	var each kafka.WriteErrors
	if errors.As(err, &each) && len(each) == len(failed) {
		copy(failed, each)
		return failed
	}
	for i := range failed {
		failed[i] = err
	}
	return failed
}
