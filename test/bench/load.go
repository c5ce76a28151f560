package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// patience is how long one saga may take before the run is given up.
const patience = time.Minute

// load is a closed loop: so many in flight, each made as soon as another is completed.
type load struct {
	name            string // of the run: objects are named <name>-<number>
	count, inFlight int
	make            func(name string) (client.Object, error)
	ends            *ends
	until           end // what each must reach before the run is over
}

// result of a load.
type result struct {
	took      time.Duration   // until the last one has reached its end
	latencies []time.Duration // from create to completed, as the watch sees it
}

// run makes all and waits until each is completed, and all have reached their end.
func (b *bench) run(ctx context.Context, l load) (result, error) {
	var (
		mu   sync.Mutex
		r    result
		next atomic.Int64
	)
	start, outer := time.Now(), ctx
	group, ctx := errgroup.WithContext(ctx)
	for range min(l.inFlight, l.count) {
		group.Go(func() error {
			for i := next.Add(1); i <= int64(l.count); i = next.Add(1) {
				latency, err := b.one(ctx, l, fmt.Sprintf("%s-%d", l.name, i))
				if err != nil {
					return err
				}
				mu.Lock()
				r.latencies = append(r.latencies, latency)
				mu.Unlock()
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return r, err
	}
	err := b.await(outer, l.ends, l.until)
	r.took = time.Since(start)
	return r, err
}

// await waits until everything that is expected has reached its end.
func (b *bench) await(ctx context.Context, e *ends, which end) error {
	if err := until(ctx, func() bool { return e.missing(which) == 0 }); err != nil {
		return fmt.Errorf("%d are completed but not settled: %w", e.missing(which), err)
	}
	return nil
}

func (b *bench) one(ctx context.Context, l load, name string) (time.Duration, error) {
	object, err := l.make(name)
	if err != nil {
		return 0, err
	}
	completed := l.ends.expect(name)
	start := time.Now()
	if err := b.Client.Create(ctx, object); err != nil {
		return 0, fmt.Errorf("making %s: %w", name, err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case at := <-completed:
		return at.Sub(start), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-timer.C:
		return 0, fmt.Errorf("%s is not completed after %s: %s", name, patience, b.state(ctx, name))
	}
}

// state says where a saga stands, for an error.
func (b *bench) state(ctx context.Context, name string) string {
	saga := &v1alpha1.Saga{}
	if err := b.Client.Get(ctx, types.NamespacedName{Namespace: stage.Shop, Name: name}, saga); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("phase %q, progress %q, waiting for %q, cause %+v", saga.Status.Phase, saga.Status.Progress, saga.Status.WaitingFor, saga.Status.Cause)
}

// until polls until the condition holds, for at most twice the patience.
func until(ctx context.Context, holds func() bool) error {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}
