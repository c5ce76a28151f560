package e2e

import (
	"fmt"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// services are the sample services, in the order in which an order meets them.
var services = []string{"inventory", "payment", "shipping"}

// startPatience is how long pods may take to start or to end.
const startPatience = 90 * time.Second

// withhold takes a service away: what is asked of it stays unanswered until it is given back. An order is then in flight for as
// long as the test wants, however fast the machine is.
func (c *cluster) withhold(t *testing.T, service string) {
	t.Helper()
	c.scale(t, service, 0)
	eventually(t, startPatience, "the end of "+service, func() string {
		var pods corev1.PodList
		if err := c.client.List(t.Context(), &pods, client.InNamespace(shop), client.MatchingLabels{"app.kubernetes.io/name": service}); err != nil {
			return err.Error()
		}
		if len(pods.Items) > 0 {
			return fmt.Sprintf("%d pods are left", len(pods.Items))
		}
		return ""
	})
}

// giveBack gives a service back, and waits for nothing.
func (c *cluster) giveBack(t *testing.T, service string) {
	t.Helper()
	c.scale(t, service, 1)
}

func (c *cluster) scale(t *testing.T, service string, replicas int32) {
	t.Helper()
	deployment := &appsv1.Deployment{}
	if err := c.client.Get(t.Context(), types.NamespacedName{Namespace: shop, Name: service}, deployment); err != nil {
		t.Fatal(err)
	}
	before := client.MergeFrom(deployment.DeepCopy())
	deployment.Spec.Replicas = &replicas
	if err := c.client.Patch(t.Context(), deployment, before); err != nil {
		t.Fatal(err)
	}
}

// losesThePodsAroundIt replaces every pod of the broker and of the services: orders, positions and books are on volumes.
func losesThePodsAroundIt(t *testing.T, c *cluster) {
	b := c.inFlight(t, shop, "kept", 10)
	for _, namespace := range []string{brokerNamespace, shop} {
		c.kubectl(t, "delete", "pods", "--all", "-n", namespace, "--wait")
	}
	c.giveBack(t, "payment")
	c.awaitEnds(t, b, time.Minute)
	c.balanced(t, b, false)
}
