package controllers

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/trigger"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

// triggers is a namespace on a real API server and a broker, with managers that run the controllers of triggers and definitions.
type triggers struct {
	t            *testing.T
	api          client.WithWatch // past the managers
	cluster      *kafkatest.Cluster
	namespace    string
	installation string
	topic        string
	may          topicpolicy.Policy
	noOrders     bool
	runs         *trigger.Runs // of the manager that runs
	blindTo      string        // a label: the managers' cache does not show what has it

	mu      sync.Mutex
	refusal func(client.Object) error // what the API server answers to the making of an object; nil: as it is
	writes  int                       // of statuses
	silent  bool                      // the API server answers no lists past the cache
}

func newTriggers(t *testing.T) *triggers {
	t.Helper()
	plane := controlplane.ForTest(t)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, clientgoscheme.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	api, err := client.NewWithWatch(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	cluster := kafkatest.Start(t)
	g := &triggers{
		t: t, api: api, cluster: cluster, namespace: plane.Namespace(t), installation: kafkatest.Name("shop"), topic: cluster.Topic(t, 2),
		may: topicpolicy.AllowAll(),
	}
	cluster.CreateTopics(t, 1, g.deadLetters())
	return g
}

func (g *triggers) deadLetters() string { return wire.DeadLettersTopic(g.installation) }

// run starts a manager; stop ends it, as the test's end does.
func (g *triggers) run() (stop func()) {
	g.t.Helper()
	mgr, err := ctrl.NewManager(controlplane.ForTest(g.t).Config(), ctrl.Options{
		Scheme: g.api.Scheme(), Metrics: metricsserver.Options{BindAddress: "0"}, NewClient: g.observed,
		Controller: config.Controller{SkipNameValidation: ptr.To(true)}, // more than one manager of this test binary may run the controllers
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{g.namespace: {}},
			ByObject: map[client.Object]cache.ByObject{
				&v1alpha1.Saga{}: {Transform: SagaCacheTransform, Label: g.shown()}, &v1alpha1.OrderWorkflow{}: {Label: g.shown()},
			},
		},
	})
	g.must(err)
	broker, err := kafka.Connect(kafka.Config{Brokers: g.cluster.Brokers, ClientID: "test", MetadataTTL: time.Second})
	g.must(err)
	producer := kafka.NewProducer(broker)
	compiler, err := expr.New()
	g.must(err)
	programs := program.NewCache(compiler)
	runs := trigger.NewRuns(trigger.Options{
		Installation: g.installation, Broker: broker, Sender: producer, Client: mgr.GetClient(), Live: live{mgr.GetAPIReader(), g}, Programs: programs,
		Metrics: trigger.NewMetrics(prometheus.NewRegistry()), Every: 200 * time.Millisecond,
	})
	g.runs = runs
	g.must(runs.Watch(g.t.Context(), mgr.GetCache(), !g.noOrders))
	g.must(mgr.Add(manager.RunnableFunc(runs.Start)))
	g.must((&SagaReconciler{}).index(g.t.Context(), mgr.GetFieldIndexer()))
	c, real := mgr.GetClient(), clock.RealClock{}
	g.must((&RevisionReconciler{Client: c, Live: mgr.GetAPIReader(), Clock: real}).SetupWithManager(mgr))
	g.must((&SagaDefinitionReconciler{Client: c, Live: mgr.GetAPIReader(), Programs: programs, Permitted: g.may, Clock: real}).SetupWithManager(mgr))
	g.must((&SagaTriggerReconciler{Client: c, Expressions: compiler, Permitted: g.may, Orders: !g.noOrders, Triggers: runs, Clock: real}).SetupWithManager(mgr))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			g.t.Errorf("the manager ended: %v", err)
		}
		if err := producer.Close(); err != nil {
			g.t.Errorf("closing the producer: %v", err)
		}
		broker.Close()
	})
	g.t.Cleanup(stop)
	return stop
}

// observed is the managers' client.
func (g *triggers) observed(config *rest.Config, options client.Options) (client.Client, error) {
	c, err := client.NewWithWatch(config, options)
	if err != nil {
		return nil, err
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			g.mu.Lock()
			refusal := g.refusal
			g.mu.Unlock()
			if refusal != nil {
				if err := refusal(o); err != nil {
					return err
				}
			}
			return c.Create(ctx, o, opts...)
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			if _, ok := o.(*v1alpha1.SagaTrigger); ok {
				g.mu.Lock()
				g.writes++
				g.mu.Unlock()
			}
			return c.SubResource(sub).Update(ctx, o, opts...)
		},
	}), nil
}

func (g *triggers) refuse(with func(client.Object) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refusal = with
}

// shown selects what the managers' cache shows.
func (g *triggers) shown() labels.Selector {
	if g.blindTo == "" {
		return labels.Everything()
	}
	selector, err := labels.Parse("!" + g.blindTo)
	g.must(err)
	return selector
}

// live is what the triggers read past the cache with.
type live struct {
	client.Reader
	g *triggers
}

func (l live) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	l.g.mu.Lock()
	silent := l.g.silent
	l.g.mu.Unlock()
	if silent {
		return apierrors.NewTooManyRequestsError("later")
	}
	return l.Reader.List(ctx, list, opts...)
}

func (g *triggers) silence(silent bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.silent = silent
}

func (g *triggers) statusWrites() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.writes
}

// define makes a definition of one step that wants params.id to be a text.
func (g *triggers) define(name string) {
	g.t.Helper()
	for _, o := range []client.Object{
		&v1alpha1.SagaParticipant{
			ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: "inventory"},
			Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: "inventory.commands"}},
		},
		&v1alpha1.SagaDefinition{
			ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: name},
			Spec: v1alpha1.SagaDefinitionSpec{
				Parameters: &runtime.RawExtension{Raw: []byte(`{"type":"object","properties":{"id":{"type":"string"}}}`)},
				Steps: []v1alpha1.Step{{
					Name: "reserve", Participant: "inventory", Action: &v1alpha1.Action{Command: "reserve"},
					Compensation: &v1alpha1.Compensation{Command: "release"},
				}},
			},
		},
	} {
		if err := g.api.Create(g.t.Context(), o); err != nil && !apierrors.IsAlreadyExists(err) {
			g.t.Fatal(err)
		}
	}
}

// make makes the trigger called placed, which reads from the first event unless change says otherwise.
func (g *triggers) make(change ...func(*v1alpha1.SagaTriggerSpec)) {
	g.t.Helper()
	g.must(g.api.Create(g.t.Context(), g.object("placed", change...)))
}

func (g *triggers) object(name string, change ...func(*v1alpha1.SagaTriggerSpec)) *v1alpha1.SagaTrigger {
	o := &v1alpha1.SagaTrigger{
		ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: name},
		Spec: v1alpha1.SagaTriggerSpec{
			Topic: g.topic, StartFrom: v1alpha1.StartEarliest, DefinitionRef: &v1alpha1.DefinitionReference{Name: "fulfil"},
			Params: &runtime.RawExtension{Raw: []byte(`{"id":"${event.data.id}"}`)},
		},
	}
	for _, f := range change {
		f(&o.Spec)
	}
	return o
}

// change changes the trigger called placed.
func (g *triggers) change(how func(*v1alpha1.SagaTriggerSpec)) {
	g.t.Helper()
	found := g.trigger()
	patch := client.MergeFrom(found.DeepCopy())
	how(&found.Spec)
	g.must(g.api.Patch(g.t.Context(), found, patch))
}

func (g *triggers) trigger() *v1alpha1.SagaTrigger {
	g.t.Helper()
	found := &v1alpha1.SagaTrigger{}
	g.must(g.api.Get(g.t.Context(), types.NamespacedName{Namespace: g.namespace, Name: "placed"}, found))
	return found
}

// publish writes an event for each id; its data has the same id.
func (g *triggers) publish(ids ...string) {
	g.t.Helper()
	for _, id := range ids {
		g.cluster.Produce(g.t, g.event(id, fmt.Sprintf(`{"id":%q}`, id)))
	}
}

func (g *triggers) event(id, data string) wire.Message {
	return wire.Message{Topic: g.topic, Partition: int32(len(id) % 2), Value: []byte(data), Headers: []wire.Header{
		{Key: wire.HeaderSpecVersion, Value: []byte("1.0")}, {Key: wire.HeaderID, Value: []byte(id)}, {Key: wire.HeaderSource, Value: []byte("/web")},
		{Key: wire.HeaderType, Value: []byte("order.placed")}, {Key: wire.HeaderContentType, Value: []byte("application/json")},
	}}
}

// nameOf is the name of what an event of publish starts.
func nameOf(id string) string { return trigger.NameOf("placed", "/web", id) }

// sagas returns those of the trigger called placed.
func (g *triggers) sagas() []v1alpha1.Saga {
	g.t.Helper()
	var list v1alpha1.SagaList
	g.must(g.api.List(g.t.Context(), &list, client.InNamespace(g.namespace), client.MatchingLabels{v1alpha1.LabelTrigger: "placed"}))
	return list.Items
}

// awaitSagas waits until there are so many.
func (g *triggers) awaitSagas(n int) {
	g.t.Helper()
	kafkatest.Eventually(g.t, fmt.Sprintf("%d sagas", n), func() bool { return len(g.sagas()) == n })
}

// complete has a saga end as the operator would write it.
func (g *triggers) complete(name string) {
	g.t.Helper()
	saga := &v1alpha1.Saga{}
	g.must(g.api.Get(g.t.Context(), types.NamespacedName{Namespace: g.namespace, Name: name}, saga))
	saga.Status.Phase = v1alpha1.PhaseCompleted
	g.must(g.api.Status().Update(g.t.Context(), saga))
}

// awaitReady waits for a reason of condition Ready, and returns its message.
func (g *triggers) awaitReady(reason string) string {
	g.t.Helper()
	var ready *metav1.Condition
	kafkatest.Eventually(g.t, "Ready to be "+reason, func() bool {
		found := g.trigger()
		ready = meta.FindStatusCondition(found.Status.Conditions, v1alpha1.ConditionReady)
		return ready != nil && ready.Reason == reason && ready.ObservedGeneration == found.Generation
	})
	return ready.Message
}

// awaitDealt waits until the offsets of all events are committed.
func (g *triggers) awaitDealt() {
	g.t.Helper()
	group := trigger.GroupOf(g.installation, types.NamespacedName{Namespace: g.namespace, Name: "placed"})
	kafkatest.Eventually(g.t, "all offsets to be committed", func() bool {
		committed := g.cluster.Committed(g.t, group, g.topic)
		for id, end := range g.cluster.Ends(g.t, g.topic) {
			if committed[id] != end {
				return false
			}
		}
		return true
	})
}

// letters reads n dead letters; only their headers, of which the last of a name counts.
func (g *triggers) letters(n int) []map[string]string {
	g.t.Helper()
	var all []map[string]string
	for _, m := range g.cluster.Consume(g.t, g.deadLetters(), n) {
		headers := map[string]string{}
		for _, h := range m.Headers {
			headers[h.Key] = string(h.Value)
		}
		all = append(all, headers)
	}
	return all
}

// limit makes a quota of sagas as the API server sees one once a controller manager has counted.
func (g *triggers) limit(hard string) {
	g.t.Helper()
	const counted = corev1.ResourceName("count/sagas.sagas.dev")
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: g.namespace, Name: "sagas"}}
	key := client.ObjectKeyFromObject(quota)
	if err := g.api.Get(g.t.Context(), key, quota); apierrors.IsNotFound(err) {
		quota.Spec.Hard = corev1.ResourceList{counted: resource.MustParse(hard)}
		g.must(g.api.Create(g.t.Context(), quota))
	} else {
		g.must(err)
	}
	quota.Status.Hard = corev1.ResourceList{counted: resource.MustParse(hard)}
	if quota.Status.Used == nil {
		quota.Status.Used = corev1.ResourceList{counted: resource.MustParse("0")}
	}
	g.must(g.api.Status().Update(g.t.Context(), quota))
}

func (g *triggers) must(err error) {
	g.t.Helper()
	if err != nil {
		g.t.Fatal(err)
	}
}
