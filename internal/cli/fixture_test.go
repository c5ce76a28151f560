package cli

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// TestMain lets the tests of this package share one API server.
func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}) }

// cluster is a namespace of an API server that the plugin is run against; nobody runs the operator there.
type cluster struct {
	t         *testing.T
	client    client.WithWatch
	namespace string
	kube      string // kubeconfig
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	plane := controlplane.ForTest(t)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, appsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	reach, err := client.NewWithWatch(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{t: t, client: reach, namespace: plane.Namespace(t), kube: plane.Kubeconfig()}
}

// printed is what a command line came to.
type printed struct {
	out, err string
	code     int
}

// run runs kubectl saga in the cluster's namespace.
func (c *cluster) run(args ...string) printed {
	c.t.Helper()
	return runWith("", append(args, "--kubeconfig", c.kube, "-n", c.namespace)...)
}

func runWith(stdin string, args ...string) printed {
	var out, problems bytes.Buffer
	code := Main(args, genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &problems})
	return printed{out.String(), problems.String(), code}
}

// expect holds a command line to its exit code and to parts of what it prints, anywhere.
func (c *cluster) expect(p printed, code int, parts ...string) {
	c.t.Helper()
	expect(c.t, p, code, parts...)
}

func expect(t *testing.T, p printed, code int, parts ...string) {
	t.Helper()
	if p.code != code {
		t.Errorf("it ends with exit code %d, want %d", p.code, code)
	}
	all := strings.ReplaceAll(p.out+p.err, "\r", "")
	for _, part := range parts {
		if !strings.Contains(all, part) {
			t.Errorf("it does not say %q", part)
		}
	}
	if t.Failed() {
		t.Logf("it says:\n%s%s", p.out, p.err)
	}
}

// change makes a saga of a fixture its own.
type change func(*v1alpha1.Saga)

// make stores a saga with its status.
func (c *cluster) make(name string, changes ...change) *v1alpha1.Saga {
	c.t.Helper()
	saga := &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name, Finalizers: []string{v1alpha1.FinalizerSaga}},
		Spec: v1alpha1.SagaSpec{
			DefinitionRef: &v1alpha1.DefinitionReference{Name: "checkout"},
			Params:        &runtime.RawExtension{Raw: []byte(`{"amount":"12.50"}`)},
		},
	}
	for _, change := range changes {
		change(saga)
	}
	status := *saga.Status.DeepCopy()
	saga.Status = v1alpha1.SagaStatus{}
	if err := c.client.Create(c.t.Context(), saga); err != nil {
		c.t.Fatalf("making saga %s: %v", name, err)
	}
	if equality.Semantic.DeepEqual(status, v1alpha1.SagaStatus{}) {
		return saga // nobody has looked at it
	}
	status.ObservedGeneration = saga.Generation
	saga.Status = status
	if err := c.client.Status().Update(c.t.Context(), saga); err != nil {
		c.t.Fatalf("storing the status of saga %s: %v", name, err)
	}
	return saga
}

// read reads a saga as it is stored.
func (c *cluster) read(name string) *v1alpha1.Saga {
	c.t.Helper()
	saga := &v1alpha1.Saga{}
	if err := c.client.Get(c.t.Context(), types.NamespacedName{Namespace: c.namespace, Name: name}, saga); err != nil {
		c.t.Fatalf("reading saga %s: %v", name, err)
	}
	return saga
}

// operate plays the operator until the test ends: what react changes of a saga's status, when it has changed, is stored.
func (c *cluster) operate(react change) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(c.t.Context())
	events, err := c.client.Watch(ctx, &v1alpha1.SagaList{}, client.InNamespace(c.namespace))
	if err != nil {
		c.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for event := range events.ResultChan() {
			saga, isSaga := event.Object.(*v1alpha1.Saga)
			if !isSaga {
				continue
			}
			before := saga.DeepCopy()
			react(saga)
			saga.Status.ObservedGeneration = saga.Generation
			err := c.client.Status().Patch(ctx, saga, client.MergeFrom(before))
			if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) {
				c.t.Errorf("storing the status of %s: %v", saga.Name, err)
			}
		}
	}()
	c.t.Cleanup(func() { cancel(); <-done })
}

func at(text string) *metav1.Time {
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	t := metav1.NewTime(parsed)
	return &t
}

func inPhase(phase v1alpha1.SagaPhase) change {
	return func(s *v1alpha1.Saga) {
		s.Status.Phase, s.Status.StartTime = phase, at("2026-11-22T10:00:00Z")
		if phase == v1alpha1.PhaseCompleted || phase == v1alpha1.PhaseCompensated {
			s.Status.EndTime = at("2026-11-22T10:01:00Z")
		}
		if phase == v1alpha1.PhasePending || phase == v1alpha1.PhaseRejected {
			s.Status.StartTime = nil
		}
	}
}

func labelled(key, value string) change {
	return func(s *v1alpha1.Saga) { s.Labels = map[string]string{key: value} }
}

func withStep(st v1alpha1.StepStatus) change {
	return func(s *v1alpha1.Saga) { s.Status.Steps = append(s.Status.Steps, st) }
}

func withCause(reason string) change {
	return func(s *v1alpha1.Saga) { s.Status.Cause = &v1alpha1.Cause{Reason: reason} }
}

// inline makes the saga hold its definition.
func inline(steps ...v1alpha1.Step) change {
	return func(s *v1alpha1.Saga) {
		s.Spec.DefinitionRef, s.Spec.Definition = nil, &v1alpha1.SagaDefinitionSpec{Steps: steps}
	}
}

func action(name, participant, command, undo string) v1alpha1.Step {
	step := v1alpha1.Step{Name: name, Participant: participant, Action: &v1alpha1.Action{Command: command}, Compensation: &v1alpha1.Compensation{Command: undo}}
	if undo == "" {
		step.Recovery, step.Compensation = v1alpha1.RecoveryPivot, nil
	}
	return step
}

// writers are those who have written to a saga's spec.
func writers(saga *v1alpha1.Saga) []string {
	var names []string
	for _, entry := range saga.ManagedFields {
		if entry.Subresource == "" && !slices.Contains(names, entry.Manager) {
			names = append(names, entry.Manager)
		}
	}
	return names
}
