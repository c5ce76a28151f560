package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/metadata/metadatainformer"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/trigger"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/stage"
)

const (
	startClients = 32 // of the bare client: as many objects as a trigger makes at once
	startTopic   = prefix + "starts"
	startSource  = "/bench"
)

// starts measures how many sagas per second a trigger makes, and how many a bare client makes before and after it: the same
// sagas, while the same manager begins to run them. They ask who never answers, so that little else is written.
func (b *bench) starts(ctx context.Context, r *report) error {
	if err := b.startManager(ctx); err != nil {
		return err
	}
	before, err := b.makes(ctx, "bare-before", b.makeStarts)
	if err != nil {
		return fmt.Errorf("a bare client: %w", err)
	}
	triggered, err := b.makes(ctx, "triggered", b.triggerStarts)
	if err != nil {
		return fmt.Errorf("a trigger: %w", err)
	}
	after, err := b.makes(ctx, "bare-after", b.makeStarts)
	if err != nil {
		return fmt.Errorf("a bare client: %w", err)
	}
	b.Crew.Kill(managerName)
	r.starts(triggered, before, after)
	return b.sweepStarts(ctx)
}

// makes returns how many sagas per second begin has made, from the first to the last that are seen of that trigger's name.
func (b *bench) makes(ctx context.Context, name string, begin func(context.Context, string) error) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	seen, err := b.watchMade(ctx, name)
	if err != nil {
		return 0, err
	}
	group, making := errgroup.WithContext(ctx)
	group.Go(func() error { return begin(making, name) })
	var first, last time.Time
	for n := range b.options.starts {
		select {
		case <-making.Done(): // it has failed, or takes too long
			return 0, fmt.Errorf("%d of %d sagas were made: %w", n, b.options.starts, errors.Join(group.Wait(), ctx.Err()))
		case last = <-seen:
		}
		if n == 0 {
			first = last
		}
	}
	return float64(b.options.starts-1) / last.Sub(first).Seconds(), group.Wait()
}

// watchMade tells when each saga of a trigger's name is seen, until ctx is done.
func (b *bench) watchMade(ctx context.Context, name string) (<-chan time.Time, error) {
	seen := make(chan time.Time, b.options.starts)
	factory := metadatainformer.NewFilteredSharedInformerFactory(b.metadata, 0, stage.Shop, func(o *metav1.ListOptions) {
		o.LabelSelector = v1alpha1.LabelTrigger + "=" + name
	})
	informer := factory.ForResource(sagas).Informer()
	if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: func(any) { seen <- time.Now() }}); err != nil {
		return nil, fmt.Errorf("watching sagas: %w", err)
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return seen, nil
}

// makeStarts makes the sagas that a trigger of that name would make.
func (b *bench) makeStarts(ctx context.Context, name string) error {
	params, err := b.startParams()
	if err != nil {
		return err
	}
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range startClients {
		group.Go(func() error {
			for i := next.Add(1); i <= int64(b.options.starts); i = next.Add(1) {
				id := fmt.Sprint(i)
				saga := &v1alpha1.Saga{
					ObjectMeta: metav1.ObjectMeta{
						Namespace: stage.Shop, Name: trigger.NameOf(name, startSource, id), Finalizers: []string{v1alpha1.FinalizerSaga},
						Labels:      map[string]string{v1alpha1.LabelTrigger: name},
						Annotations: map[string]string{v1alpha1.AnnotationEventID: id, v1alpha1.AnnotationEventSource: startSource},
					},
					Spec: v1alpha1.SagaSpec{
						DefinitionRef: &v1alpha1.DefinitionReference{Name: silence}, OnKeyUsed: v1alpha1.KeyUsedEnd, Params: &runtime.RawExtension{Raw: params},
					},
				}
				if err := b.Client.Create(ctx, saga); err != nil {
					return fmt.Errorf("making a saga: %w", err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// triggerStarts publishes the events first, and then makes the trigger.
func (b *bench) triggerStarts(ctx context.Context, name string) error {
	params, err := b.startParams()
	if err != nil {
		return err
	}
	if err := b.publishStarts(ctx, params); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(params, &members); err != nil {
		return fmt.Errorf("reading params: %w", err)
	}
	template := map[string]string{}
	for member := range members {
		template[member] = "${event.data." + member + "}"
	}
	raw, err := json.Marshal(template)
	if err != nil {
		return fmt.Errorf("writing params: %w", err)
	}
	return b.Client.Create(ctx, &v1alpha1.SagaTrigger{
		ObjectMeta: metav1.ObjectMeta{Namespace: stage.Shop, Name: name},
		Spec: v1alpha1.SagaTriggerSpec{
			Topic: startTopic, StartFrom: v1alpha1.StartEarliest, MaxActive: ptr.To[int32](10_000),
			DefinitionRef: &v1alpha1.DefinitionReference{Name: silence}, Params: &runtime.RawExtension{Raw: raw},
		},
	})
}

func (b *bench) startParams() ([]byte, error) {
	saga, err := b.saga("started", 0)
	if err != nil {
		return nil, err
	}
	return saga.Spec.Params.Raw, nil
}

func (b *bench) publishStarts(ctx context.Context, data []byte) error {
	broker, err := kafka.Connect(kafka.Config{Brokers: []string{b.options.brokers}, ClientID: "bench"})
	if err != nil {
		return err
	}
	defer broker.Close()
	if err := broker.CreateTopics(ctx, stepCount, startTopic); err != nil {
		return err
	}
	producer := kafka.NewProducer(broker)
	events := make([]wire.Message, b.options.starts)
	for i := range events {
		events[i] = wire.Message{Topic: startTopic, Partition: int32(i % stepCount), Value: data, Headers: []wire.Header{
			{Key: wire.HeaderSpecVersion, Value: []byte("1.0")}, {Key: wire.HeaderID, Value: fmt.Append(nil, i+1)},
			{Key: wire.HeaderSource, Value: []byte(startSource)}, {Key: wire.HeaderType, Value: []byte("order.placed")},
		}}
	}
	if err := producer.Send(ctx, events); err != nil {
		return fmt.Errorf("publishing events: %w", err)
	}
	return producer.Close()
}

// sweepStarts removes what was started. Nobody runs it any more, and nobody would ever answer it.
func (b *bench) sweepStarts(ctx context.Context) error {
	if err := b.Client.DeleteAllOf(ctx, &v1alpha1.SagaTrigger{}, client.InNamespace(stage.Shop)); err != nil {
		return fmt.Errorf("deleting the trigger: %w", err)
	}
	var left v1alpha1.SagaList
	if err := b.Client.List(ctx, &left, client.InNamespace(stage.Shop), client.HasLabels{v1alpha1.LabelTrigger}); err != nil {
		return fmt.Errorf("listing sagas: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(startClients)
	for i := range left.Items {
		group.Go(func() error {
			saga := &left.Items[i]
			patch := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))
			if err := b.Client.Patch(ctx, saga, patch); err != nil {
				return fmt.Errorf("removing the finalizer: %w", err)
			}
			return b.Client.Delete(ctx, saga)
		})
	}
	return group.Wait()
}
