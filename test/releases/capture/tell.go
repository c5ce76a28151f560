package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/releases"
)

// tell brings every saga to where its story is told, and takes it down: first while the ends cannot be announced.
func (s *stage) tell(ctx context.Context) ([]*releases.Fixture, error) {
	var all []*releases.Fixture
	var later []story
	for _, told := range stories() {
		if told.announced {
			later = append(later, told)
			continue
		}
		f, err := s.play(ctx, told)
		if err != nil {
			return nil, fmt.Errorf("telling %s: %w", told.name, err)
		}
		all = append(all, f)
	}
	if err := s.kafka.CreateTopics(ctx, 1, wire.OutcomesTopic(releases.Installation)); err != nil {
		return nil, err
	}
	for _, told := range later {
		f, err := s.play(ctx, told)
		if err != nil {
			return nil, fmt.Errorf("telling %s: %w", told.name, err)
		}
		all = append(all, f)
	}
	if err := covered(s.crds, all); err != nil {
		return nil, err
	}
	return all, s.addSent(ctx, all)
}

// play takes one saga through its turns.
func (s *stage) play(ctx context.Context, told story) (*releases.Fixture, error) {
	if err := s.client.Create(ctx, told.object()); err != nil {
		return nil, err
	}
	for i, t := range told.turns {
		if err := s.await(ctx, told, t.until); err != nil {
			return nil, fmt.Errorf("turn %d: %w", i, err)
		}
		if err := s.turn(ctx, told, t); err != nil {
			return nil, fmt.Errorf("turn %d: %w", i, err)
		}
	}
	if told.settled {
		if err := s.await(ctx, told, func(saga *v1alpha1.Saga) bool { return len(saga.Finalizers) == 0 }); err != nil {
			return nil, err
		}
	}
	return s.take(ctx, told)
}

func (t story) object() client.Object {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: t.name}
	if !t.order {
		return &v1alpha1.Saga{ObjectMeta: meta, Spec: *t.spec.DeepCopy()}
	}
	return &v1alpha1.OrderWorkflow{ObjectMeta: meta, Spec: v1alpha1.OrderWorkflowSpec{
		DefinitionRef: &v1alpha1.DefinitionReference{Name: definition},
		Customer:      v1alpha1.OrderCustomer{ID: "c-1", Name: "A. Buyer"},
		Lines:         []v1alpha1.OrderLine{{SKU: "TEA-GREEN", Quantity: 2, UnitPrice: "6.25"}},
		Total:         "12.50", Currency: "EUR",
		Payment:  v1alpha1.OrderPayment{Method: "tok_visa"},
		Delivery: v1alpha1.OrderDelivery{Address: []string{"Street 1"}, City: "Town", PostalCode: "1", Country: "DE"},
	}}
}

func (s *stage) saga(ctx context.Context, told story) (*v1alpha1.Saga, error) {
	saga := &v1alpha1.Saga{}
	return saga, s.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: told.name}, saga)
}

// await polls the saga until what is waited for holds.
func (s *stage) await(ctx context.Context, told story, holds func(*v1alpha1.Saga) bool) error {
	saga := &v1alpha1.Saga{}
	return s.poll(ctx, func() (bool, error) {
		seen, err := s.saga(ctx, told)
		if client.IgnoreNotFound(err) != nil {
			return false, err
		}
		saga = seen
		return err == nil && holds(saga), nil
	}, func() string { return fmt.Sprintf("it is %s, %s", saga.Status.Phase, saga.Status.WaitingFor) })
}

func (s *stage) poll(ctx context.Context, ask func() (bool, error), last func() string) error {
	limited, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("a minute has passed"))
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := ask(); done || err != nil {
			return err
		}
		select {
		case <-limited.Done():
			return fmt.Errorf("%w: %s", context.Cause(limited), last())
		case <-tick.C:
		}
	}
}

// turn does what the turn asks for.
func (s *stage) turn(ctx context.Context, told story, t turn) error {
	saga, err := s.saga(ctx, told)
	if err != nil {
		return err
	}
	if t.gone {
		if err := s.client.Delete(ctx, saga); err != nil {
			return err
		}
	}
	if t.anew {
		err := s.poll(ctx, func() (bool, error) {
			_, err := s.saga(ctx, told)
			return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
		}, func() string { return "it is not gone" })
		if err != nil {
			return err
		}
		again := &v1alpha1.Saga{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: told.name}, Spec: *told.spec.DeepCopy()}
		t.then(again)
		return s.client.Create(ctx, again)
	}
	if t.then == nil {
		return nil
	}
	before := saga.DeepCopy()
	t.then(saga)
	return s.client.Patch(ctx, saga, client.MergeFrom(before))
}

// take keeps the saga and what belongs to it, as they are stored now.
func (s *stage) take(ctx context.Context, told story) (*releases.Fixture, error) {
	saga, err := s.saga(ctx, told)
	if err != nil {
		return nil, err
	}
	f := &releases.Fixture{Name: told.name, Saga: saga, Record: releases.Record{Story: told.tale, Ends: told.ends, Sent: []releases.Message{}}}
	wanted := []stored{{v1alpha1.GroupVersion.WithKind("Saga"), told.name}}
	if told.order {
		wanted = append(wanted, stored{v1alpha1.GroupVersion.WithKind("OrderWorkflow"), told.name})
	}
	if saga.Status.Revision != "" {
		wanted = append(wanted, stored{appsv1.SchemeGroupVersion.WithKind("ControllerRevision"), saga.Status.Revision})
	}
	for _, name := range participants(told.spec) {
		wanted = append(wanted, stored{v1alpha1.GroupVersion.WithKind("SagaParticipant"), name})
	}
	for _, w := range wanted {
		o := &unstructured.Unstructured{}
		o.SetGroupVersionKind(w.kind)
		if err := s.client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: w.name}, o); err != nil {
			return nil, err
		}
		o.SetManagedFields(nil)
		f.Stored = append(f.Stored, o)
	}
	return f, nil
}

type stored struct {
	kind schema.GroupVersionKind
	name string
}

func participants(spec v1alpha1.SagaSpec) []string {
	names := []string{service}
	if spec.Definition == nil {
		return names
	}
	for _, s := range spec.Definition.Steps {
		if s.Participant != absent && !slices.Contains(names, s.Participant) {
			names = append(names, s.Participant)
		}
	}
	return names
}
