package e2e

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func deletesANamespace(t *testing.T, c *cluster) {
	const closing = "shop-closing"
	c.makeNamespace(t, closing)
	c.describe(t, closing)
	b := c.inFlight(t, closing, "closing", 20)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: closing}}
	if err := c.client.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	eventually(t, time.Minute, "the deletion of the sagas", func() string {
		for _, saga := range c.sagas(t, b) {
			if saga.DeletionTimestamp == nil {
				return saga.Name + " is not being deleted"
			}
		}
		return ""
	})
	if left := len(c.sagas(t, b)); left != b.n {
		t.Fatalf("of %d sagas in flight %d are left before any is undone", b.n, left)
	}
	begun := time.Now()
	c.giveBack(t, "payment")
	c.kubectl(t, "wait", "--for=delete", "namespace/"+closing, "--timeout=2m")
	t.Logf("the namespace was gone %s after the payment answered", since(begun))
	c.balanced(t, b, true)
}
