package applied

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
	"github.com/sagas-dev/saga-operator/test/kafkatest/fakebroker"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// managerName is the field manager of the operator.
const managerName = "saga-operator"

// aSaga is a run that somebody keeps in Git all the same, with fields that have defaults, at the top and in lists.
const aSaga = `
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata:
  name: run-1
  annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}
spec:
  params: {orderId: run-1}
  ttl: {completed: 2h}
  definition:
    steps:
    - name: reserve
      participant: inventory
      action:
        command: reserve
        input: {orderId: "${params.orderId}", lines: [{sku: KETTLE, quantity: 1}]}
        retry: {maxAttempts: 7}
      compensation: {command: release}
`

// set starts control plane, broker, services and manager.
func set(t *testing.T) *stage.Stage {
	t.Helper()
	broker, err := fakebroker.Start("", 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	dir, err := os.MkdirTemp("", "saga-applied-") //nolint:usetesting // logs must outlive a failed test
	if err != nil {
		t.Fatal(err)
	}
	s, err := stage.Set(t.Context(), stage.Options{
		Dir: dir, Broker: broker.Addr(), Installation: kafkatest.Name("applied"), NoFsync: true,
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
		} else if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := s.StartManager("manager", "--leader-elect=false", "--metrics-bind-address=0"); err != nil {
		t.Fatal(err)
	}
	return s
}

// applied are the samples and the saga above.
func applied(t *testing.T) []*unstructured.Unstructured {
	t.Helper()
	return append(ours(manifests(t, "config/samples")), run1(t))
}

func run1(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	saga := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(aSaga), &saga.Object); err != nil {
		t.Fatal(err)
	}
	return saga
}

// settled waits until everything is as it will stay: judged, or ended and announced.
func (c *tool) settled(manifest *unstructured.Unstructured) *unstructured.Unstructured {
	c.t.Helper()
	var live *unstructured.Unstructured
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		live = c.live(c.t.Context(), manifest)
		if rests(live) {
			return live
		}
	}
	c.t.Fatalf("%s %s does not come to rest: %v", live.GetKind(), live.GetName(), live.Object["status"])
	return nil
}

// rests says whether the manager has nothing left to write.
func rests(live *unstructured.Unstructured) bool {
	ended := false
	phase, _, _ := unstructured.NestedString(live.Object, "status", "phase")
	switch live.GetKind() {
	case "Saga":
		ended = phase == string(v1alpha1.PhaseCompleted) && len(live.GetFinalizers()) == 0
	case "OrderWorkflow":
		ended = phase == string(v1alpha1.OrderCompleted) || phase == string(v1alpha1.OrderCancelled)
	default:
		conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
		for _, c := range conditions {
			condition, ok := c.(map[string]any)
			ended = ended || ok && condition["type"] == v1alpha1.ConditionReady && condition["status"] == "True"
		}
	}
	return ended
}

func TestWhatAGitToolAppliesStaysAsItIsThroughAWholeRun(t *testing.T) {
	s := set(t)
	tools := []*tool{
		{t: t, api: s.Client, namespace: "shop-argocd", name: argoCD},
		{t: t, api: s.Client, namespace: "shop-flux", name: flux},
		{t: t, api: s.Client, namespace: "shop", name: argoCD}, // applies by client
	}
	all := applied(t)
	for i, c := range tools {
		c.makeNamespace()
		for _, manifest := range all {
			if i == 2 {
				c.applyByClient(manifest)
			} else {
				c.apply(manifest)
			}
		}
	}
	for i, c := range tools {
		for _, manifest := range all {
			live := c.settled(manifest)
			c.ownsItsSpec(live)
			if i == 2 {
				keepLive(t, live)
			} else {
				c.staysAsItIs(live, manifest)
			}
		}
		c.madeByManager("order-1001")
	}
}

// ownsItsSpec checks that nobody but who applied it has ever written a field of the spec.
func (c *tool) ownsItsSpec(live *unstructured.Unstructured) {
	c.t.Helper()
	managers := 0
	for _, entry := range live.GetManagedFields() {
		var fields map[string]json.RawMessage
		c.must(json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields))
		if _, writes := fields["f:spec"]; writes && entry.Manager == managerName {
			c.t.Errorf("the manager owns fields of the spec of %s %s: %s", live.GetKind(), live.GetName(), fields["f:spec"])
		}
		if entry.Manager == managerName {
			managers++
		}
	}
	if managers == 0 {
		c.t.Errorf("the manager has written nothing at all into %s %s: %v", live.GetKind(), live.GetName(), live.GetManagedFields())
	}
}

// madeByManager checks that a spec of the manager's own would be seen: the saga of an order is the one object that it makes.
func (c *tool) madeByManager(name string) {
	c.t.Helper()
	saga := &unstructured.Unstructured{}
	saga.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Saga"))
	saga.SetName(name)
	for _, entry := range c.live(c.t.Context(), saga).GetManagedFields() {
		if entry.Manager == managerName && strings.Contains(entry.FieldsV1.GetRawString(), `"f:spec"`) {
			return
		}
	}
	c.t.Errorf("the manager does not own the spec of the saga %s that it made", name)
}
