package trigger

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// Waits of a run.
const (
	firstBackoff  = 100 * time.Millisecond
	longestWait   = 5 * time.Second
	createTimeout = 10 * time.Second // of one try
)

// serve makes what is to be started, in the order it was read, several at once. It ends when nothing is being made any more. A
// trigger whose topic is quiet asks the API server nothing.
func (n *run) serve(ctx context.Context) error {
	var making sync.WaitGroup
	defer func() {
		making.Wait()
		n.census.abandon(n.key)
	}()
	places := make(chan struct{}, creators)
	for surveyed := false; ; {
		next, ok := n.queue.pop(ctx)
		if !ok {
			return nil
		}
		if !surveyed {
			n.survey(ctx)
			surveyed = true
		}
		if !n.admit(ctx, next) {
			continue
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		making.Go(func() {
			defer func() { <-places }()
			n.make(ctx, next)
		})
	}
}

// admit waits until there may be one more, and says whether it is to be made.
func (n *run) admit(ctx context.Context, next item) bool {
	backoff := firstBackoff
	for ctx.Err() == nil {
		judged, err := n.judgeParams(ctx, next)
		switch {
		case err != nil:
			n.log.Error(err, "Looking at the definition failed, trying again")
			pause(ctx, backoff)
			backoff = min(2*backoff, longestWait)
			continue
		case judged.waits != "":
			n.board.set(troubleDefinition, why{v1alpha1.ReasonDefinitionNotFound, judged.waits})
			n.rest(ctx)
			continue
		case judged.wrong != nil:
			n.board.clear(troubleDefinition)
			n.refuse(next.record, *n.plan.cause(wire.ReasonInvalidParameters, judged.wrong))
			return false
		}
		n.board.clear(troubleDefinition)
		switch n.census.enter(n.key, memberOf(next.object), n.plan.maxActive()) {
		case roomKnown:
			n.startedBefore(next)
			return false
		case roomTaken:
			n.board.clear(troubleRoom)
			return true
		case roomNone:
			n.board.set(troubleRoom, why{v1alpha1.ReasonThrottled, fmt.Sprintf(
				"%d sagas are unfinished, as many as maxActive allows; what is to start waits in Kafka", n.plan.maxActive())})
			n.rest(ctx)
		}
	}
	return false
}

// rest waits until something has changed that the run waits for.
func (n *run) rest(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-n.nudged:
	}
}

// startedBefore settles an event that was delivered again.
func (n *run) startedBefore(next item) {
	n.o.Metrics.event(resultDuplicate).Inc()
	n.settle(next.record)
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
