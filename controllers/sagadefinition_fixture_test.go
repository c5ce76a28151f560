package controllers

import (
	"context"
	"errors"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/expr"
	"github.com/sagas-dev/saga-operator/internal/program"
	"github.com/sagas-dev/saga-operator/internal/topicpolicy"
	"github.com/sagas-dev/saga-operator/internal/topicwatch"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// catalogue is a namespace with definitions and participants on a real API server.
type catalogue struct {
	keys      *EventKeys
	t         *testing.T
	api       client.WithWatch // past the reconcilers: for the test itself
	namespace string
	clock     *clocktesting.FakePassiveClock
	programs  *program.Cache
	verdict   topicwatch.Verdict // of every participant
	may       topicpolicy.Policy

	statusWrites int
	pageSize     int64 // of live lists; 0: what the reconciler asks for
	pages        int   // that live lists have fetched
}

func newCatalogue(t *testing.T) *catalogue {
	t.Helper()
	plane := controlplane.ForTest(t)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, appsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	api, err := client.NewWithWatch(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	compiler, err := expr.New()
	if err != nil {
		t.Fatal(err)
	}
	return &catalogue{
		keys: NewEventKeys(compiler), t: t, api: api, namespace: plane.Namespace(t),
		clock:    clocktesting.NewFakePassiveClock(time.Now()), // the API server's clock dates deletions
		programs: program.NewCache(compiler),
		may:      topicpolicy.AllowAll(),
		verdict:  topicwatch.Verdict{Reason: v1alpha1.ReasonTopicsFound, Message: "All topics are there"},
	}
}

// counting is the reconcilers' client, whose lists are as strange as those of the cache: without pages, yet with a next one.
func (c *catalogue) counting() client.Client {
	return interceptor.NewClient(c.api, interceptor.Funcs{
		List: func(ctx context.Context, api client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			asked := (&client.ListOptions{}).ApplyOptions(opts)
			if asked.Continue != "" {
				return errors.New("continue list option is not supported by the cache")
			}
			asked.FieldSelector = nil // the reconcilers must bear with more than an index would give
			err := api.List(ctx, list, asked)
			list.SetContinue("continue-not-supported")
			return err
		},
		SubResourceUpdate: func(ctx context.Context, api client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			c.statusWrites++
			return api.SubResource(sub).Update(ctx, o, opts...)
		},
	})
}

// live is the reconcilers' reader past the cache; its pages are as small as the test asks for.
func (c *catalogue) live() client.Reader {
	return interceptor.NewClient(c.api, interceptor.Funcs{
		List: func(ctx context.Context, api client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			c.pages++
			asked := (&client.ListOptions{}).ApplyOptions(opts)
			if c.pageSize > 0 && asked.Limit > 0 {
				asked.Limit = c.pageSize
			}
			return api.List(ctx, list, asked)
		},
	})
}

// Judge implements Topics.
func (c *catalogue) Judge(v1alpha1.ParticipantTopics) topicwatch.Verdict { return c.verdict }

// Subscribe implements Topics; these verdicts change without anybody being told.
func (c *catalogue) Subscribe(func(types.NamespacedName)) {}

type reconciler interface {
	Reconcile(context.Context, ctrl.Request) (ctrl.Result, error)
}

func (c *catalogue) definitions() reconciler {
	return &SagaDefinitionReconciler{Client: c.counting(), Live: c.live(), Programs: c.programs, Permitted: c.may, EventKeys: c.keys, Clock: c.clock}
}

func (c *catalogue) participants() reconciler {
	return &SagaParticipantReconciler{Client: c.counting(), Live: c.live(), Permitted: c.may, EventKeys: c.keys, Topics: c, Clock: c.clock}
}

func (c *catalogue) revisions() reconciler {
	return &RevisionReconciler{Client: c.counting(), Live: c.live(), Clock: c.clock}
}

func (c *catalogue) key(name string) types.NamespacedName {
	return types.NamespacedName{Namespace: c.namespace, Name: name}
}

func (c *catalogue) reconcile(r reconciler, name string) ctrl.Result {
	c.t.Helper()
	result, err := r.Reconcile(c.t.Context(), ctrl.Request{NamespacedName: c.key(name)})
	if err != nil {
		c.t.Fatalf("reconciling %s: %v", name, err)
	}
	return result
}

// exists reads the object into o, and says whether there is one.
func (c *catalogue) exists(name string, o client.Object) bool {
	c.t.Helper()
	err := c.api.Get(c.t.Context(), c.key(name), o)
	if client.IgnoreNotFound(err) != nil {
		c.t.Fatal(err)
	}
	return err == nil
}

func (c *catalogue) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// define makes a definition of one step of participant inventory, changed by edit.
func (c *catalogue) define(name string, edit ...func(*v1alpha1.SagaDefinitionSpec)) *v1alpha1.SagaDefinition {
	c.t.Helper()
	def := &v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}, Spec: reserving()}
	for _, change := range edit {
		change(&def.Spec)
	}
	c.must(c.api.Create(c.t.Context(), def))
	return def
}

// redefine changes the definition.
func (c *catalogue) redefine(name string, edit func(*v1alpha1.SagaDefinitionSpec)) {
	c.t.Helper()
	def := c.definition(name)
	edit(&def.Spec)
	c.must(c.api.Update(c.t.Context(), def))
}

func reserving() v1alpha1.SagaDefinitionSpec {
	return v1alpha1.SagaDefinitionSpec{Steps: []v1alpha1.Step{{
		Name: "reserve", Participant: "inventory",
		Action:       &v1alpha1.Action{Command: "reserve", Input: rawJSON("{}")},
		Compensation: &v1alpha1.Compensation{Command: "release"},
	}}}
}

func rawJSON(text string) *runtime.RawExtension { return &runtime.RawExtension{Raw: []byte(text)} }

func (c *catalogue) definition(name string) *v1alpha1.SagaDefinition {
	c.t.Helper()
	def := &v1alpha1.SagaDefinition{}
	c.must(c.api.Get(c.t.Context(), c.key(name), def))
	return def
}

// participate makes a participant with a topic for commands.
func (c *catalogue) participate(name string) *v1alpha1.SagaParticipant {
	c.t.Helper()
	participant := &v1alpha1.SagaParticipant{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name},
		Spec:       v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: name + ".commands"}},
	}
	c.must(c.api.Create(c.t.Context(), participant))
	return participant
}

// run makes a saga of the definition in a phase, pinned to a revision unless that is empty.
func (c *catalogue) run(name, definition, revision string, phase v1alpha1.SagaPhase, finalizers ...string) *v1alpha1.Saga {
	c.t.Helper()
	saga := &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name, Finalizers: finalizers},
		Spec:       v1alpha1.SagaSpec{DefinitionRef: &v1alpha1.DefinitionReference{Name: definition}},
	}
	c.must(c.api.Create(c.t.Context(), saga))
	c.move(saga, revision, phase)
	return saga
}

func (c *catalogue) move(saga *v1alpha1.Saga, revision string, phase v1alpha1.SagaPhase) {
	c.t.Helper()
	saga.Status.Revision, saga.Status.Phase = revision, phase
	c.must(c.api.Status().Update(c.t.Context(), saga))
}

// expect checks conditions Accepted and Ready of a definition.
func (c *catalogue) expect(name string, status metav1.ConditionStatus, reason string) *v1alpha1.SagaDefinition {
	c.t.Helper()
	def := c.definition(name)
	for _, kind := range []string{v1alpha1.ConditionAccepted, v1alpha1.ConditionReady} {
		got := meta.FindStatusCondition(def.Status.Conditions, kind)
		if got == nil || got.Status != status || got.Reason != reason || got.ObservedGeneration != def.Generation || got.Message == "" {
			c.t.Fatalf("%s is %+v; want %s, %s, generation %d", kind, got, status, reason, def.Generation)
		}
	}
	return def
}

// pastGrace lets so much time pass that what was deleted may go.
func (c *catalogue) pastGrace() { c.clock.SetTime(c.clock.Now().Add(2 * releaseGrace)) }

// emptyCache knows no saga, as after the cache has lost its watch.
type emptyCache struct{ client.Client }

func (e emptyCache) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	if _, ok := list.(*v1alpha1.SagaList); ok {
		return nil
	}
	return e.Client.List(ctx, list, opts...)
}
