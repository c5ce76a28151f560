package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/stage"
)

const managerName = "manager"

// startManager starts the manager as it is by default, leader election included, and waits until it answers.
func (b *bench) startManager(ctx context.Context) error {
	if err := b.StartManager(managerName, append([]string{"--metrics-bind-address", b.Metrics}, b.managerFlags...)...); err != nil {
		return err
	}
	return until(ctx, func() bool {
		_, err := b.managerMetrics(ctx)
		return err == nil
	})
}

// record keeps what the operator writes of one saga's status, for the limit to be measured with the same.
func (b *bench) record(ctx context.Context, _ *report) error {
	saga, err := b.saga("recorded", time.Hour)
	if err != nil {
		return err
	}
	b.recorded, err = b.recordStatuses(ctx, saga, stepCount)
	return err
}

// recordStatuses runs a saga of so many steps and returns what the operator writes of its status. Then it sends the manager away:
// nobody else writes while the limit is measured.
func (b *bench) recordStatuses(ctx context.Context, saga *v1alpha1.Saga, steps int) ([]v1alpha1.SagaStatus, error) {
	if err := b.startManager(ctx); err != nil {
		return nil, err
	}
	defer b.Crew.Kill(managerName)
	if _, err := b.runSagas(ctx, "before-"+saga.Name, 1, 1, 0, nil); err != nil { // it may have to wait for the definition to be looked at
		return nil, err
	}
	watching, err := client.NewWithWatch(b.Plane.Config(), client.Options{Scheme: b.Client.Scheme()})
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	w, err := watching.Watch(ctx, &v1alpha1.SagaList{}, client.InNamespace(stage.Shop),
		client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector(metav1.ObjectNameField, saga.Name)})
	if err != nil {
		return nil, fmt.Errorf("watching the saga: %w", err)
	}
	defer w.Stop()
	if err := b.Client.Create(ctx, saga); err != nil {
		return nil, fmt.Errorf("making the saga: %w", err)
	}
	recorded, err := statuses(ctx, w)
	if err == nil && len(recorded) != steps+1 {
		err = fmt.Errorf("the operator wrote the status of a saga of %d steps %d times, not %d", steps, len(recorded), steps+1)
	}
	return recorded, err
}

// statuses returns the statuses that a watch sees until the saga is settled, each once.
func statuses(ctx context.Context, w watch.Interface) (all []v1alpha1.SagaStatus, _ error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	started := false
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the first saga to complete (it has %d statuses): %w", len(all), ctx.Err())
		case event := <-w.ResultChan():
			saga, ok := event.Object.(*v1alpha1.Saga)
			if !ok {
				return nil, fmt.Errorf("watching the saga: %v", event.Object)
			}
			if len(saga.Finalizers) == 0 {
				return all, nil
			}
			if started {
				all = append(all, saga.Status)
			}
			started = true
		}
	}
}
