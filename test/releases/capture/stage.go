package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/crew"
	"github.com/sagas-dev/saga-operator/test/kafkatest/fakebroker"
	"github.com/sagas-dev/saga-operator/test/releases"
)

// Topics of the stories. The one for outcomes comes last, so that ends can be seen that are not announced yet.
const (
	commandsTopic = "service.commands"
	eventsTopic   = "service.events"
	nowhereTopic  = "nowhere" // answers that nobody shall get go here
)

// stage is all that runs.
type stage struct {
	plane  *controlplane.ControlPlane
	client client.Client
	broker *fakebroker.Broker
	kafka  *kafka.Client
	crew   *crew.Crew
	crds   string             // directory of the resource definitions
	stop   context.CancelFunc // of the service
}

func set(ctx context.Context, root, work, bin, manager string) (s *stage, err error) {
	ctrl.SetLogger(logr.Discard())
	s = &stage{stop: func() {}, crds: filepath.Join(root, "config", "crd", "bases")}
	failed, fail := context.WithCancelCause(ctx)
	context.AfterFunc(failed, func() { // a process that ends by itself is told in its log; waiting ends at the latest with ctx
		if ctx.Err() == nil {
			fmt.Fprintln(os.Stderr, context.Cause(failed))
		}
	})
	s.crew = &crew.Crew{Dir: work, Failed: fail}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.strike())
		}
	}()
	if s.plane, err = controlplane.Start(ctx, controlplane.Options{
		Dir: filepath.Join(work, "plane"), BinDir: bin, UnsafeNoFsync: true, CRDs: []string{s.crds},
	}); err != nil {
		return s, err
	}
	if s.broker, err = fakebroker.Start("", 0); err != nil {
		return s, err
	}
	if s.kafka, err = kafka.Connect(kafka.Config{Brokers: []string{s.broker.Addr()}, ClientID: "capture"}); err != nil {
		return s, err
	}
	if err := s.kafka.CreateTopics(ctx, 1, commandsTopic, eventsTopic, nowhereTopic,
		wire.RepliesTopic(releases.Installation), wire.DeadLettersTopic(releases.Installation)); err != nil {
		return s, err
	}
	if err := s.startService(ctx); err != nil {
		return s, err
	}
	if err := s.describe(ctx); err != nil {
		return s, err
	}
	return s, s.crew.Start(crew.Command{Name: "manager", Path: manager, Args: []string{
		"--installation", releases.Installation, "--kafka-brokers", s.broker.Addr(), "--kubeconfig", s.plane.Kubeconfig(),
		"--namespaces", namespace, "--insecure-reply-token-key", "--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=0",
	}})
}

func (s *stage) strike() error {
	s.stop()
	s.crew.StopAll(10 * time.Second)
	if s.kafka != nil {
		s.kafka.Close()
	}
	if s.broker != nil {
		s.broker.Close()
	}
	if s.plane == nil {
		return nil
	}
	return s.plane.Stop()
}

// describe makes namespace, participants and the definition of the stories that run a revision.
func (s *stage) describe(ctx context.Context) (err error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(v1alpha1.AddToScheme(scheme), appsv1.AddToScheme(scheme), corev1.AddToScheme(scheme)); err != nil {
		return err
	}
	if s.client, err = client.New(s.plane.Config(), client.Options{Scheme: scheme}); err != nil {
		return err
	}
	in := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: namespace, Name: name} }
	for _, o := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}},
		&v1alpha1.SagaParticipant{ObjectMeta: in(service), Spec: v1alpha1.SagaParticipantSpec{
			Topics: v1alpha1.ParticipantTopics{Commands: commandsTopic, Events: eventsTopic}}},
		&v1alpha1.SagaParticipant{ObjectMeta: in(unheard), Spec: v1alpha1.SagaParticipantSpec{
			Topics: v1alpha1.ParticipantTopics{Events: "missing.events"}}},
		&v1alpha1.SagaDefinition{ObjectMeta: in(definition), Spec: v1alpha1.SagaDefinitionSpec{
			Steps: []v1alpha1.Step{step("first", answers, answers), step("second", silent, answers)}}},
	} {
		if err := s.client.Create(ctx, o); err != nil {
			return fmt.Errorf("making %s: %w", o.GetName(), err)
		}
	}
	return nil
}
