package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// runSagas runs sagas in a closed loop and returns what came of it. kept 0 has the operator delete them when they are settled,
// and is waited for.
func (b *bench) runSagas(ctx context.Context, name string, count, inFlight int, kept time.Duration, change func(*v1alpha1.Saga)) (result, error) {
	ends, err := watchEnds(ctx, b.metadata, sagas, b.Failed)
	if err != nil {
		return result{}, err
	}
	defer ends.close()
	return b.run(ctx, load{name: name, count: count, inFlight: inFlight, ends: ends, until: endOf(kept), make: func(name string) (client.Object, error) {
		saga, err := b.saga(name, kept)
		if err == nil && change != nil {
			change(saga)
		}
		return saga, err
	}})
}

func endOf(kept time.Duration) end {
	if kept == 0 {
		return gone
	}
	return settled
}

// speed runs the sagas that everything per second and per saga is about.
func (b *bench) speed(ctx context.Context, r *report) error {
	if err := b.startManager(ctx); err != nil {
		return err
	}
	if _, err := b.runSagas(ctx, "warm-up", max(b.warmUp, 1), b.inFlight, 0, nil); err != nil {
		return fmt.Errorf("warming up: %w", err)
	}
	before, err := b.costs(ctx)
	if err != nil {
		return err
	}
	var took result
	counted, err := b.counting(ctx, func() (err error) {
		took, err = b.runSagas(ctx, "saga", b.sagas, b.inFlight, 0, nil)
		return err
	})
	if err != nil {
		return err
	}
	after, err := b.costs(ctx)
	if err != nil {
		return err
	}
	memory, err := b.rss(ctx)
	if err != nil {
		return err
	}
	r.speed(took, after.since(before), memory)
	r.writes("a saga made with the finalizer", counted, b.sagas, bareWrites)
	alone, err := b.runSagas(ctx, "alone", b.alone, 1, 0, nil)
	r.latency("one saga at a time: create to Completed", alone.latencies, 50, 95)
	return err
}

// byHand runs sagas as kubectl makes them: the operator adds the finalizer.
func (b *bench) byHand(ctx context.Context, r *report) error {
	if err := b.startManager(ctx); err != nil {
		return err
	}
	counted, err := b.counting(ctx, func() error {
		_, err := b.runSagas(ctx, "by-hand", b.options.byHand, b.inFlight, 0, func(s *v1alpha1.Saga) { s.Finalizers = nil })
		return err
	})
	r.writes("a saga made by hand", counted, b.options.byHand, bareWrites+1)
	return err
}

// orderWrites is what an order costs beside its saga's writes, at most.
const orderWrites = 5

// orders runs orders and then deletes them and, as the garbage collector would, their sagas: there is no controller manager, which
// would take its share of this machine.
func (b *bench) orders(ctx context.Context, r *report) error {
	counted, err := b.counting(ctx, func() error {
		sagaEnds, err := watchEnds(ctx, b.metadata, sagas, b.Failed)
		if err != nil {
			return err
		}
		defer sagaEnds.close()
		orderEnds, err := watchEnds(ctx, b.metadata, orders, b.Failed)
		if err != nil {
			return err
		}
		defer orderEnds.close()
		_, err = b.run(ctx, load{name: "order", count: b.options.orders, inFlight: b.inFlight, ends: orderEnds, make: func(name string) (client.Object, error) {
			sagaEnds.expect(name)
			return b.order(name), nil
		}})
		if err == nil {
			err = b.await(ctx, sagaEnds, settled)
		}
		if err != nil {
			return err
		}
		return b.collect(ctx)
	})
	r.writes("an order", counted, b.options.orders, bareWrites+orderWrites)
	return err
}

func (b *bench) collect(ctx context.Context) error {
	for i := range b.options.orders {
		meta := metav1.ObjectMeta{Namespace: stage.Shop, Name: fmt.Sprintf("order-%d", i+1)}
		for _, object := range []client.Object{&v1alpha1.OrderWorkflow{ObjectMeta: meta}, &v1alpha1.Saga{ObjectMeta: meta}} {
			if err := b.Client.Delete(ctx, object); err != nil {
				return fmt.Errorf("deleting %s: %w", meta.Name, err)
			}
		}
	}
	return nil
}
