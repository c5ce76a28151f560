package controllers

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/replies"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// redefine makes a definition, or changes it, and has it judged.
func (s *sagas) redefine(name string, spec v1alpha1.SagaDefinitionSpec) *v1alpha1.SagaDefinition {
	s.t.Helper()
	def := &v1alpha1.SagaDefinition{}
	switch err := s.api.Get(s.t.Context(), s.key(name), def); {
	case client.IgnoreNotFound(err) != nil:
		s.t.Fatal(err)
	case err != nil:
		def = &v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
		s.create(def)
	default:
		def.Spec = spec
		if err := s.api.Update(s.t.Context(), def); err != nil {
			s.t.Fatal(err)
		}
	}
	r := &SagaDefinitionReconciler{
		Client: indexed{s.api}, Live: s.api, Programs: s.r.Programs, Permitted: topicpolicy.AllowAll(), Clock: clocktesting.NewFakePassiveClock(s.now),
	}
	if _, err := r.Reconcile(s.t.Context(), ctrl.Request{NamespacedName: s.key(name)}); err != nil {
		s.t.Fatal(err)
	}
	if err := s.api.Get(s.t.Context(), s.key(name), def); err != nil {
		s.t.Fatal(err)
	}
	return def
}

// manage runs a manager that looks at ten sagas at a time, until the returned function or the test's end stops it. Participants
// answer at once.
func (s *sagas) manage() (stop func()) {
	s.t.Helper()
	skip := true
	mgr, err := ctrl.NewManager(controlplane.ForTest(s.t).Config(), ctrl.Options{
		Scheme: s.api.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: &skip},
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{s.namespace: {}}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.restart()
	s.inbox = replies.New(replies.Config{Installation: "test", Keys: s.keys, Sender: s.broker, Wake: s.r.Wake})
	s.inbox.Attach(s.replyLog)
	ready := make(chan struct{})
	close(ready)
	s.outbox = dispatch.NewOutbox(dispatch.Options{Producer: s.broker, Now: time.Now, Ready: ready, Acknowledged: s.r.Acknowledged})
	s.r.Client, s.r.APIReader, s.r.Now = mgr.GetClient(), mgr.GetAPIReader(), time.Now
	s.r.Outbox, s.r.Replies = s.outbox, s.inbox
	s.broker.before = func(m wire.Message) {
		if c, err := wire.DecodeCommand(m); strings.HasSuffix(m.Topic, ".commands") && err == nil {
			s.deliver(s.replyTo(c, wire.Succeeded, nil))
		}
	}
	if err := s.r.SetupWithManager(mgr, 10); err != nil {
		s.t.Fatal(err)
	}
	if err := mgr.Add(manager.RunnableFunc(s.outbox.Start)); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("the manager ended: %v", err)
		}
	}
	s.t.Cleanup(stop)
	return stop
}

// together watches what the API server stores, in its order, and remembers the most sagas that ever ran at once by place.
type together struct {
	running map[string]string // sagas by the group that is counted
	most    map[string]int
}

func (s *sagas) countTogether(group func(*v1alpha1.Saga) string) (result func() map[string]int) {
	s.t.Helper()
	events, err := s.api.Watch(s.t.Context(), &v1alpha1.SagaList{}, client.InNamespace(s.namespace))
	if err != nil {
		s.t.Fatal(err)
	}
	counted := together{running: map[string]string{}, most: map[string]int{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for e := range events.ResultChan() {
			if saga, ok := e.Object.(*v1alpha1.Saga); ok {
				counted.see(e.Type, saga, group(saga))
			}
		}
	}()
	return func() map[string]int {
		events.Stop()
		<-done
		return counted.most
	}
}

func (c together) see(kind watch.EventType, saga *v1alpha1.Saga, group string) {
	if kind == watch.Deleted || placeOf(saga).as != running {
		delete(c.running, saga.Name)
		return
	}
	c.running[saga.Name] = group
	now := 0
	for _, other := range c.running {
		if other == group {
			now++
		}
	}
	c.most[group] = max(c.most[group], now)
}

// awaitCompleted polls until that many sagas are done.
func (s *sagas) awaitCompleted(want int) {
	s.t.Helper()
	deadline := time.Now().Add(90 * time.Second)
	for {
		var list v1alpha1.SagaList
		if err := s.api.List(s.t.Context(), &list, client.InNamespace(s.namespace)); err != nil {
			s.t.Fatal(err)
		}
		phases := map[v1alpha1.SagaPhase]int{}
		for _, saga := range list.Items {
			phases[saga.Status.Phase]++
		}
		if phases[v1alpha1.PhaseCompleted] >= want {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("sagas by phase: %v; want %d Completed", phases, want)
		}
		time.Sleep(20 * time.Millisecond) // between two polls
	}
}

func TestOfFiftySagasAtOnceNeverMoreRunThanMay(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	spec := *twoSteps("x").Spec.Definition
	spec.MaxActive = ptr.To[int32](5)
	s.redefine("order", spec)
	most := s.countTogether(func(*v1alpha1.Saga) string { return "all" })
	s.manage()
	for i := range 50 {
		s.create(fromDefinition(fmt.Sprintf("x%02d", i), "order"))
	}
	s.awaitCompleted(50)
	if got := most()["all"]; got != 5 {
		t.Errorf("%d sagas ran at once; want 5, neither more nor less", got)
	}
}

func TestSagasWithOneKeyNeverRunTogetherAlsoAcrossARestart(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	spec := *twoSteps("x").Spec.Definition
	spec.Concurrency = &v1alpha1.Concurrency{Key: "${params.orderId}", Policy: v1alpha1.ConcurrencyQueue}
	s.redefine("order", spec)
	most := s.countTogether(func(saga *v1alpha1.Saga) string { return saga.Status.ConcurrencyKey })
	stop := s.manage()
	for i := range 40 {
		s.create(about(fmt.Sprintf("o-%d", i%4), fromDefinition(fmt.Sprintf("x%02d", i), "order")))
	}
	s.awaitCompleted(8)
	stop()
	s.manage()
	s.awaitCompleted(40)
	got := most()
	for i := range 4 {
		if key := fmt.Sprintf("o-%d", i); got[key] != 1 {
			t.Errorf("%d sagas with the key %s ran at once; want 1", got[key], key)
		}
	}
}
