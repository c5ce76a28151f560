package docs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// operatorNamespace is where the documentation has the operator.
const operatorNamespace = "saga-system"

// scene is an installation such as the documentation speaks of, on a control plane of this machine.
type scene struct {
	*stage.Stage
	shell
	t *testing.T
}

func needs(t *testing.T, variable, how string) {
	t.Helper()
	if os.Getenv(variable) == "" {
		t.Skipf("takes minutes: set %s=1, or run %s", variable, how)
	}
}

// set sets a scene on a broker, without a manager. Commands have kubectl, and tools where that is not empty.
func set(t *testing.T, broker, tools string) *scene {
	t.Helper()
	dir, err := os.MkdirTemp("", "saga-docs-") //nolint:usetesting // logs must outlive a failed test
	if err != nil {
		t.Fatal(err)
	}
	s, err := stage.Set(t.Context(), stage.Options{
		Dir: dir, Broker: broker, Installation: "default", Latency: 300 * time.Millisecond, NoFsync: true,
		Failed: func(err error) { t.Logf("a process ended: %v", err) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Strike(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("logs and data are in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	sc := &scene{Stage: s, t: t}
	sc.dir = t.TempDir()
	sc.env = []string{"KUBECONFIG=" + s.Plane.Kubeconfig(), path(s.Plane.BinDir(), tools), "BROKERS=" + broker}
	if err := s.Namespace(t.Context(), operatorNamespace); err != nil {
		t.Fatal(err)
	}
	return sc
}

func (s *scene) startManager() {
	s.t.Helper()
	if err := s.StartManager("manager", "--metrics-bind-address=0", "--leader-election-namespace="+operatorNamespace); err != nil {
		s.t.Fatal(err)
	}
}

// make makes sagas. deadline is that of their definition, which is made once more for it where it is not zero.
func (s *scene) order(name string, kept time.Duration) {
	s.t.Helper()
	saga := stage.Order(name, false)
	saga.Spec.TTL = &v1alpha1.SagaTTL{Completed: &metav1.Duration{Duration: kept}}
	if err := s.Client.Create(s.t.Context(), saga); err != nil {
		s.t.Fatal(err)
	}
}

// await waits until a saga is as wanted; nil: until it is gone.
func (s *scene) await(name, what string, holds func(*v1alpha1.Saga) bool) {
	s.t.Helper()
	saga := &v1alpha1.Saga{}
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		err := s.Client.Get(s.t.Context(), types.NamespacedName{Namespace: stage.Shop, Name: name}, saga)
		if holds == nil && apierrors.IsNotFound(err) || holds != nil && err == nil && holds(saga) {
			return
		}
		if client.IgnoreNotFound(err) != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Fatalf("%s is not %s: %+v", name, what, saga.Status)
}

func completed(saga *v1alpha1.Saga) bool { return saga.Status.Phase == v1alpha1.PhaseCompleted }

func atSecondStep(saga *v1alpha1.Saga) bool {
	return len(saga.Status.Steps) > 0 && saga.Status.Steps[0].State == v1alpha1.StepSucceeded
}

func waitsAsKeyUsed(saga *v1alpha1.Saga) bool {
	for _, c := range saga.Status.Conditions {
		if c.Type == v1alpha1.ConditionStalled && c.Reason == v1alpha1.ReasonKeyUsed {
			return true
		}
	}
	return false
}

// again applies what Git would have: participants and definitions, into an API server that has nothing.
func (s *scene) again(participants *v1alpha1.SagaParticipantList, definitions *v1alpha1.SagaDefinitionList) {
	s.t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		s.t.Fatal(err)
	}
	errs := []error{
		s.Plane.InstallCRDs(s.t.Context(), filepath.Join(root, "config", "crd", "bases")),
		s.Namespace(s.t.Context(), operatorNamespace),
	}
	var objects []client.Object
	for _, p := range participants.Items {
		objects = append(objects, &v1alpha1.SagaParticipant{ObjectMeta: named(p.Name), Spec: p.Spec})
	}
	for _, d := range definitions.Items {
		objects = append(objects, &v1alpha1.SagaDefinition{ObjectMeta: named(d.Name), Spec: d.Spec})
	}
	for _, o := range objects {
		errs = append(errs, s.Client.Create(s.t.Context(), o))
	}
	if err := errors.Join(errs...); err != nil {
		s.t.Fatal(err)
	}
}

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: stage.Shop, Name: name}
}

// output runs a command that is none of a document's.
func (s *scene) output(command string) string {
	s.t.Helper()
	return strings.TrimSpace(s.bash(s.t, block{file: "the test"}, command))
}
