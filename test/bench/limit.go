package main

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// bareWrites is what one saga of three steps costs at best: create, start, three replies, finalizer, delete.
const bareWrites = stepCount + 4

// bare is the API server's limit with the writes of a saga and nothing else: no manager, no watch, no Kafka.
type bare struct {
	before, after float64 // sagas per second, before and after the operator's run
	cpu           float64 // seconds per saga, of all processes
}

func (l bare) mean() float64 { return (l.before + l.after) / 2 }

// spread is how much the two differ, of their mean: whether something else used the machine.
func (l bare) spread() float64 { return math.Abs(l.before-l.after) / l.mean() }

// limits measures single kinds of writes at several numbers of clients, and then all the writes of a saga.
func (b *bench) limits(ctx context.Context, r *report) error {
	for _, clients := range []int{1, 16, 64} {
		creates, err := b.creates(ctx, clients)
		if err != nil {
			return fmt.Errorf("creating with %d clients: %w", clients, err)
		}
		updates, err := b.updates(ctx, clients)
		if err != nil {
			return fmt.Errorf("updating with %d clients: %w", clients, err)
		}
		r.limit(clients, creates, updates)
	}
	rate, cpu, err := b.bareSagas(ctx, "before")
	b.limit = bare{before: rate, cpu: cpu}
	return err
}

// limitAgain measures all the writes of a saga once more, for a machine is not always equally fast.
func (b *bench) limitAgain(ctx context.Context, r *report) error {
	b.Crew.Kill(managerName)
	rate, cpu, err := b.bareSagas(ctx, "after")
	if err != nil {
		return err
	}
	b.limit.after, b.limit.cpu = rate, (b.limit.cpu+cpu)/2
	r.share(b.limit)
	return nil
}

// perSecond repeats something on so many clients at once for the usual time, and returns how often it was done per second.
// what gets the numbers of its client and of its repetition.
func (b *bench) perSecond(ctx context.Context, clients int, what func(ctx context.Context, worker, i int) error) (float64, error) {
	var done atomic.Int64
	start := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for worker := range clients {
		group.Go(func() error {
			for i := 0; time.Since(start) < b.limitFor; i++ {
				if err := what(ctx, worker, i); err != nil {
					return err
				}
				done.Add(1)
			}
			return nil
		})
	}
	err := group.Wait()
	return float64(done.Load()) / time.Since(start).Seconds(), err
}

// bareSaga is a saga that nobody runs, without finalizer.
func (b *bench) bareSaga(format string, args ...any) (*v1alpha1.Saga, error) {
	saga, err := b.saga(fmt.Sprintf(format, args...), 0)
	if err != nil {
		return nil, err
	}
	saga.Namespace, saga.Finalizers = bareNamespace, nil
	return saga, nil
}

const bareNamespace = "bare"

func (b *bench) creates(ctx context.Context, clients int) (float64, error) {
	rate, err := b.perSecond(ctx, clients, func(ctx context.Context, worker, i int) error {
		saga, err := b.bareSaga("create-%d-%d-%d", clients, worker, i)
		if err != nil {
			return err
		}
		return b.Client.Create(ctx, saga)
	})
	if err != nil {
		return 0, err
	}
	return rate, b.sweep(ctx)
}

// updates writes the statuses of a saga, one after the other, to one saga per client.
func (b *bench) updates(ctx context.Context, clients int) (float64, error) {
	all := make([]*v1alpha1.Saga, clients)
	for worker := range all {
		saga, err := b.bareSaga("update-%d-%d", clients, worker)
		if err != nil {
			return 0, err
		}
		if err := b.Client.Create(ctx, saga); err != nil {
			return 0, err
		}
		all[worker] = saga
	}
	rate, err := b.perSecond(ctx, clients, func(ctx context.Context, worker, i int) error {
		all[worker].Status = *b.recorded[i%len(b.recorded)].DeepCopy()
		return b.Client.Status().Update(ctx, all[worker])
	})
	if err != nil {
		return 0, err
	}
	return rate, b.sweep(ctx)
}

func (b *bench) sweep(ctx context.Context) error {
	if err := b.Client.DeleteAllOf(ctx, &v1alpha1.Saga{}, client.InNamespace(bareNamespace)); err != nil {
		return fmt.Errorf("deleting sagas: %w", err)
	}
	return nil
}

// bareSagas returns for how many sagas per second the API server takes all writes, from as many clients as sagas are in flight
// later, and what one costs in CPU seconds of all processes.
func (b *bench) bareSagas(ctx context.Context, when string) (rate, cpu float64, _ error) {
	before, err := b.bareCosts(ctx)
	if err != nil {
		return 0, 0, err
	}
	var done atomic.Int64
	rate, err = b.perSecond(ctx, b.inFlight, func(ctx context.Context, worker, i int) error {
		saga, err := b.bareSaga("saga-%s-%d-%d", when, worker, i)
		if err != nil {
			return err
		}
		saga.Finalizers = []string{v1alpha1.FinalizerSaga}
		done.Add(1)
		return b.writeAll(ctx, saga)
	})
	if err != nil {
		return 0, 0, err
	}
	after, err := b.bareCosts(ctx)
	return rate, after.since(before).sum() / float64(done.Load()), err
}

// writeAll does what the operator writes for one saga.
func (b *bench) writeAll(ctx context.Context, saga *v1alpha1.Saga) error {
	if err := b.Client.Create(ctx, saga); err != nil {
		return fmt.Errorf("creating: %w", err)
	}
	for i := range b.recorded {
		saga.Status = *b.recorded[i].DeepCopy()
		if err := b.Client.Status().Update(ctx, saga); err != nil {
			return fmt.Errorf("storing status: %w", err)
		}
	}
	patch := client.MergeFromWithOptions(saga.DeepCopy(), client.MergeFromWithOptimisticLock{})
	controllerutil.RemoveFinalizer(saga, v1alpha1.FinalizerSaga)
	if err := b.Client.Patch(ctx, saga, patch); err != nil {
		return fmt.Errorf("removing the finalizer: %w", err)
	}
	preconditions := client.Preconditions{UID: ptr.To(saga.UID), ResourceVersion: ptr.To(saga.ResourceVersion)}
	if err := b.Client.Delete(ctx, saga, preconditions); err != nil {
		return fmt.Errorf("deleting: %w", err)
	}
	return nil
}
