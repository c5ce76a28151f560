package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// lease reads the lease of the operator's leader. The API server may be busy: errors are for the caller to bear.
func (c *cluster) lease(t *testing.T) (*coordinationv1.Lease, error) {
	lease := &coordinationv1.Lease{}
	err := c.client.Get(t.Context(), types.NamespacedName{Namespace: operatorNamespace, Name: "saga-operator-default"}, lease)
	return lease, err
}

// holder is the pod that holds the lease; empty: nobody does.
func holder(lease *coordinationv1.Lease) string {
	if lease.Spec.HolderIdentity == nil {
		return ""
	}
	pod, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
	return pod
}

// leader returns the pod that leads.
func (c *cluster) leader(t *testing.T) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	eventually(t, startPatience, "a leader", func() string {
		lease, err := c.lease(t)
		if err != nil {
			return err.Error()
		}
		if err := c.client.Get(t.Context(), types.NamespacedName{Namespace: operatorNamespace, Name: holder(lease)}, pod); err != nil {
			return err.Error()
		}
		return ""
	})
	return pod
}

// awaitHandOver waits until another pod leads, and returns when the lease says that it began to.
func (c *cluster) awaitHandOver(t *testing.T, from string, within time.Duration) time.Time {
	t.Helper()
	var acquired time.Time
	eventually(t, within, "a hand-over of the lease", func() string {
		lease, err := c.lease(t)
		if err != nil {
			return err.Error()
		}
		if now := holder(lease); now == from || now == "" {
			return fmt.Sprintf("it is held by %q", now)
		}
		acquired = lease.Spec.AcquireTime.Time
		return ""
	})
	return acquired
}

// managers are the operator's pods.
func (c *cluster) managers(t *testing.T) []corev1.Pod {
	t.Helper()
	var pods corev1.PodList
	err := c.client.List(t.Context(), &pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"app.kubernetes.io/component": "manager"})
	if err != nil {
		t.Fatal(err)
	}
	return pods.Items
}
