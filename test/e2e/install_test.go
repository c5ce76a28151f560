package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// refusesUnrestrictedPods shows that the label on the namespaces means something: what runs there later is restricted.
func refusesUnrestrictedPods(t *testing.T, c *cluster) {
	for _, namespace := range []string{operatorNamespace, shop, brokerNamespace} {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "root"},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "root", Image: image(version)}}},
		}
		err := c.client.Create(t.Context(), pod)
		if !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), `violates PodSecurity "restricted`) {
			t.Errorf("in %s a pod without a security context was not refused by pod security: %v", namespace, err)
		}
	}
}

func installs(t *testing.T, c *cluster) {
	c.mustHelm(t, "install")
	nodes := map[string]bool{}
	for _, pod := range c.awaitManagers(t) {
		nodes[pod.Spec.NodeName] = true
		if got := c.reported(t, pod.Name); !strings.HasPrefix(got, version) {
			t.Errorf("%s is version %s, not %s", pod.Name, got, version)
		}
	}
	if len(nodes) != 2 {
		t.Errorf("both managers are on one node: %v", nodes)
	}
	begun := time.Now()
	if out := c.mustHelm(t, "test"); !strings.Contains(out, "Succeeded") {
		t.Errorf("helm test has run nothing:\n%s", out)
	}
	t.Logf("helm test took %s", since(begun))
	c.describe(t, shop)
}

func runsTheSamples(t *testing.T, c *cluster) {
	c.kubectl(t, "apply", "-n", shop, "-k", "config/samples")
	for name, want := range map[string]struct {
		order v1alpha1.OrderPhase
		saga  v1alpha1.SagaPhase
	}{
		"order-1001": {v1alpha1.OrderCompleted, v1alpha1.PhaseCompleted},
		"order-1002": {v1alpha1.OrderCancelled, v1alpha1.PhaseCompensated},
		"order-1003": {v1alpha1.OrderCompleted, v1alpha1.PhaseCompleted},
	} {
		eventually(t, time.Minute, "the end of "+name, func() string {
			var order v1alpha1.OrderWorkflow
			var saga v1alpha1.Saga
			key := types.NamespacedName{Namespace: shop, Name: name}
			if err := c.client.Get(t.Context(), key, &order); err != nil {
				return err.Error()
			}
			if err := c.client.Get(t.Context(), key, &saga); err != nil {
				return err.Error()
			}
			if order.Status.Phase != want.order || saga.Status.Phase != want.saga {
				return fmt.Sprintf("it is %s and its saga %s", order.Status.Phase, saga.Status.Phase)
			}
			return ""
		})
	}
	wanted := map[string]string{"order-1001": "complete", "order-1002": "undone", "order-1003": "complete"}
	entries := c.readBooks(t).Orders
	if len(entries) != len(wanted) {
		t.Errorf("the books have %d orders, not %d: %+v", len(entries), len(wanted), entries)
	}
	for _, entry := range entries {
		if err := entry.whole(wanted[entry.OrderID]); err != nil {
			t.Errorf("%s: %v", entry.OrderID, err)
		}
	}
}
