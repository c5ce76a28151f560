package main

import (
	"context"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// idle is what sagas cost that only wait for an answer.
type idle struct {
	reconciles map[string]int // in the window, by controller
	window     writes
	restart    writes
	resent     int64 // commands that the new manager sent again
	memory     float64
	cpu        float64 // of the manager in the window, seconds
}

// wait has sagas wait for a participant that is silent, watches them for a while, and then kills the manager and starts
// another one.
func (b *bench) wait(ctx context.Context, r *report) error {
	if b.waiting == 0 {
		return nil
	}
	if err := b.makeWaiting(ctx); err != nil {
		return err
	}
	var i idle
	if err := b.watchWaiting(ctx, &i); err != nil {
		return err
	}
	if err := b.restartWaiting(ctx, &i); err != nil {
		return err
	}
	r.idle(i)
	return nil
}

func (b *bench) makeWaiting(ctx context.Context) error {
	for i := range b.waiting {
		saga, err := b.saga(fmt.Sprintf("waiting-%d", i), time.Hour)
		if err != nil {
			return err
		}
		saga.Spec.DefinitionRef.Name = silence
		if err := b.Client.Create(ctx, saga); err != nil {
			return fmt.Errorf("making %s: %w", saga.Name, err)
		}
	}
	return b.heard(ctx, int64(b.waiting))
}

// heard waits until the silent participant has got so many commands.
func (b *bench) heard(ctx context.Context, commands int64) error {
	err := until(ctx, func() bool { return b.echo.heard.Load() >= commands })
	if err != nil {
		return fmt.Errorf("the silent participant got %d of %d commands: %w", b.echo.heard.Load(), commands, err)
	}
	return nil
}

func (b *bench) watchWaiting(ctx context.Context, i *idle) error {
	if _, err := b.quiet(ctx); err != nil {
		return err
	}
	reconciles, err := b.reconciles(ctx)
	if err != nil {
		return err
	}
	costs, err := b.costs(ctx)
	if err != nil {
		return err
	}
	progress(fmt.Sprintf("watching %d sagas wait for %s", b.waiting, b.window))
	if i.window, err = b.counting(ctx, func() error { return pause(ctx, b.window) }); err != nil {
		return err
	}
	if i.reconciles, err = b.reconciles(ctx); err != nil {
		return err
	}
	for controller, before := range reconciles {
		i.reconciles[controller] -= before
	}
	after, err := b.costs(ctx)
	if err != nil {
		return err
	}
	i.cpu = after.since(costs).manager
	i.memory, err = b.rss(ctx)
	return err
}

// restartWaiting counts the writes of a new manager until it has sent all commands again, and for a moment more.
func (b *bench) restartWaiting(ctx context.Context, i *idle) (err error) {
	progress("killing the manager, and starting another one")
	before := b.echo.heard.Load()
	b.Crew.Kill(managerName)
	i.restart, err = b.counting(ctx, func() error {
		if err := b.startManager(ctx); err != nil {
			return err
		}
		if err := b.heard(ctx, before+int64(b.waiting)); err != nil {
			return err
		}
		return pause(ctx, 5*time.Second)
	})
	if err != nil {
		return err
	}
	i.resent = b.echo.heard.Load() - before
	return b.stillWaiting(ctx)
}

// stillWaiting checks that the sagas really wait: one that had ended would cost nothing either.
func (b *bench) stillWaiting(ctx context.Context) error {
	list := &v1alpha1.SagaList{}
	if err := b.Client.List(ctx, list, client.InNamespace(stage.Shop), client.MatchingFields{"spec.definitionRef.name": silence}); err != nil {
		return fmt.Errorf("listing the sagas that wait: %w", err)
	}
	if len(list.Items) != b.waiting {
		return fmt.Errorf("there are %d sagas that wait, not %d", len(list.Items), b.waiting)
	}
	for _, saga := range list.Items {
		if saga.Status.Phase != v1alpha1.PhaseRunning {
			return fmt.Errorf("%s does not wait any more: %s", saga.Name, b.state(ctx, saga.Name))
		}
	}
	return nil
}
