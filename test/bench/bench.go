package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/metadata"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/order"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest/fakebroker"
	"github.com/sagas-dev/saga-operator/test/stage"
)

const (
	installation = "bench"
	prefix       = "bench." // of the participants' topics
	definition   = "three-steps"
	silence      = "silent" // the participant that never answers, and the definition that asks it first
	stepCount    = 3
)

// bench is what runs and what is measured on it.
type bench struct {
	options
	*stage.Stage
	broker   *fakebroker.Broker // nil where somebody else's is used
	echo     *echo
	metadata metadata.Interface
	template *v1alpha1.OrderWorkflow // an order of the sample shop
	recorded []v1alpha1.SagaStatus   // what the operator writes for one saga, in order
	limit    bare                    // of the API server, with the writes of one saga
}

// set starts control plane, broker and participants; the manager comes later. The stage's own services are sent away:
// with their databases they would be what is measured.
func set(ctx context.Context, failed func(error), o options) (b *bench, err error) {
	b = &bench{options: o}
	if o.brokers == "" {
		progress("starting the broker")
		if b.broker, err = fakebroker.Start("", 0); err != nil {
			return nil, err
		}
		b.options.brokers = b.broker.Addr()
	}
	progress("building, and starting the control plane")
	b.Stage, err = stage.Set(ctx, stage.Options{
		Dir: o.dir, Broker: b.options.brokers, Installation: installation, Topics: prefix, NoFsync: o.noFsync, LogLevel: "error", Failed: failed,
	})
	if err == nil {
		b.Crew.Kill(stage.Services...)
		err = b.prepare(ctx, failed)
	}
	if err != nil {
		return nil, errors.Join(err, b.strike())
	}
	return b, nil
}

func (b *bench) prepare(ctx context.Context, failed func(error)) (err error) {
	if b.metadata, err = metadata.NewForConfig(b.Plane.Config()); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	if err := b.silentTopic(ctx); err != nil {
		return err
	}
	if b.echo, err = startEcho(b.options.brokers, failed); err != nil {
		return err
	}
	return errors.Join(b.describe(ctx), b.Namespace(ctx, bareNamespace))
}

func (b *bench) silentTopic(ctx context.Context) error {
	broker, err := kafka.Connect(kafka.Config{Brokers: []string{b.options.brokers}, ClientID: "bench"})
	if err != nil {
		return err
	}
	defer broker.Close()
	return broker.CreateTopics(ctx, stepCount, commandsTopic(silence))
}

func commandsTopic(participant string) string { return prefix + participant + ".commands" }

// describe makes the definitions: that of the sample shop without its last step, which publishes an event; and the same with
// a first step that nobody answers.
func (b *bench) describe(ctx context.Context) error {
	root, err := controlplane.Root()
	if err != nil {
		return err
	}
	samples := filepath.Join(root, "config", "samples")
	b.template = &v1alpha1.OrderWorkflow{}
	sample := &v1alpha1.SagaDefinition{}
	if err := errors.Join(readSample(filepath.Join(samples, "order-completes.yaml"), b.template),
		readSample(filepath.Join(samples, "order-fulfilment.yaml"), sample)); err != nil {
		return err
	}
	sample.ObjectMeta = metav1.ObjectMeta{Namespace: stage.Shop, Name: definition}
	sample.Spec.Steps = slices.DeleteFunc(sample.Spec.Steps, func(s v1alpha1.Step) bool { return s.Publish != nil })
	if n := len(sample.Spec.Steps); n != stepCount {
		return fmt.Errorf("the sample definition has %d steps with an action, not %d", n, stepCount)
	}
	waiting := sample.DeepCopy()
	waiting.Name, waiting.Spec.Deadline = silence, nil
	waiting.Spec.Steps[0].Participant = silence
	waiting.Spec.Steps[0].Action.Timeout = &metav1.Duration{Duration: time.Hour}
	silent := &v1alpha1.SagaParticipant{
		ObjectMeta: metav1.ObjectMeta{Namespace: stage.Shop, Name: silence},
		Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: commandsTopic(silence)}},
	}
	return errors.Join(b.Client.Create(ctx, sample), b.Client.Create(ctx, waiting), b.Client.Create(ctx, silent))
}

func readSample(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("reading a sample: %w", err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return nil
}

// order returns an order like that of the sample shop.
func (b *bench) order(name string) *v1alpha1.OrderWorkflow {
	o := b.template.DeepCopy()
	o.ObjectMeta = metav1.ObjectMeta{Namespace: stage.Shop, Name: name}
	o.Spec.DefinitionRef = &v1alpha1.DefinitionReference{Name: definition}
	return o
}

// saga returns the saga of such an order, without the order: with the finalizer, as triggers and orders make it, and kept for
// so long after it is completed.
func (b *bench) saga(name string, kept time.Duration) (*v1alpha1.Saga, error) {
	saga, err := order.SagaOf(b.order(name))
	if err != nil {
		return nil, err
	}
	saga.OwnerReferences = nil
	saga.Spec.TTL = &v1alpha1.SagaTTL{Completed: &metav1.Duration{Duration: kept}}
	return saga, nil
}

// strike takes everything away.
func (b *bench) strike() error {
	if b.echo != nil {
		b.echo.close()
	}
	var err error
	if b.Stage != nil {
		err = b.Strike()
	}
	if b.broker != nil {
		b.broker.Close()
	}
	return err
}
