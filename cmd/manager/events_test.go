package main

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// paying is what the test of events has in its namespace: payment, which tells of what it received, and a definition that awaits it.
type paying struct {
	t         *testing.T
	api       client.Client
	kafka     *kafkatest.Cluster
	namespace string
	topic     string
}

func newPaying(t *testing.T, kafka *kafkatest.Cluster) *paying {
	t.Helper()
	plane := controlplane.ForTest(t)
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	p := &paying{t: t, api: api, kafka: kafka, namespace: plane.Namespace(t), topic: kafka.Topic(t, 2)}
	p.create(&v1alpha1.SagaParticipant{
		ObjectMeta: metav1.ObjectMeta{Name: "payment"},
		Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Events: p.topic}, EventKey: "event.data.order"},
	})
	p.create(&v1alpha1.SagaDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "paid"},
		Spec: v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{{
			Name: "pay", Participant: "payment", Await: &v1alpha1.Await{Event: "received", Timeout: &metav1.Duration{Duration: time.Hour}},
		}}},
	})
	return p
}

func (p *paying) create(o client.Object) {
	p.t.Helper()
	o.SetNamespace(p.namespace)
	if err := p.api.Create(p.t.Context(), o); err != nil {
		p.t.Fatal(err)
	}
}

// order makes a saga that waits for the payment of an order of its own name.
func (p *paying) order(name string) {
	p.t.Helper()
	p.create(&v1alpha1.Saga{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1alpha1.SagaSpec{
		DefinitionRef: &v1alpha1.DefinitionReference{Name: "paid"}, BusinessKey: name,
	}})
}

func (p *paying) phase(name string) v1alpha1.SagaPhase {
	p.t.Helper()
	saga := &v1alpha1.Saga{}
	if err := p.api.Get(p.t.Context(), client.ObjectKey{Namespace: p.namespace, Name: name}, saga); err != nil {
		p.t.Fatal(err)
	}
	return saga.Status.Phase
}

// pays tells of the payment of an order, in structured mode, as any other service would.
func (p *paying) pays(order string) {
	p.t.Helper()
	p.kafka.Produce(p.t, wire.Message{
		Topic: p.topic, Partition: int32(len(order) % 2),
		Headers: []wire.Header{{Key: wire.HeaderContentType, Value: []byte("application/cloudevents+json; charset=UTF-8")}},
		Value:   []byte(`{"specversion":"1.0","id":"paid-` + order + `","source":"/payment","type":"payment.received","data":{"order":"` + order + `"}}`),
	})
}

func TestEventsThatHappenWhileNoManagerRunsReachTheirSagas(t *testing.T) {
	kafka := kafkatest.Start(t)
	createOwnTopics(t, kafka, "hearing")
	p := newPaying(t, kafka)
	flags := []string{"--leader-elect=false", "--namespaces", p.namespace}
	first := startManager(t, kafka, "hearing", p.namespace, flags...)
	p.order("first")
	first.await("the saga to wait", func() bool { return p.phase("first") == v1alpha1.PhaseRunning })
	first.await("events to be read", func() bool { return strings.Contains(first.log.String(), "Events can be read") })
	if err := first.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-first.ended
	p.pays("first")
	p.pays("later") // its saga comes within the minute
	second := startManager(t, kafka, "hearing", p.namespace, flags...)
	second.await("the first saga's end", func() bool { return p.phase("first") == v1alpha1.PhaseCompleted })
	p.order("later")
	second.await("the later saga's end", func() bool { return p.phase("later") == v1alpha1.PhaseCompleted })
}
