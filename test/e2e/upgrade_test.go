package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func upgradesAndRollsBack(t *testing.T, c *cluster) {
	c.rollOutUnder(t, c.inFlight(t, shop, "upgraded", 100), nextVersion, "debug", func() error {
		_, err := c.helm(t.Context(), "upgrade", "image.tag="+nextVersion, "logging.level=debug")
		return err
	})
	c.rollOutUnder(t, c.inFlight(t, shop, "rolled-back", 100), version, "info", func() error {
		_, err := c.helm(t.Context(), "rollback")
		return err
	})
}

// rollOutUnder changes what runs while a batch is in flight: the payments, withheld until then, are answered while pods come and go.
func (c *cluster) rollOutUnder(t *testing.T, b batch, to, level string, change func() error) {
	t.Helper()
	begun := time.Now()
	changed := make(chan error, 1)
	go func() { changed <- change() }()
	eventually(t, startPatience, "the first new pod", func() string {
		if !slices.ContainsFunc(c.managers(t), func(pod corev1.Pod) bool { return pod.Spec.Containers[0].Image == image(to) }) {
			return "none has " + image(to)
		}
		return ""
	})
	c.giveBack(t, "payment")
	if err := <-changed; err != nil {
		t.Fatal(err)
	}
	rolledOut := since(begun)
	for _, pod := range c.awaitManagers(t) {
		if got := c.reported(t, pod.Name); !strings.HasPrefix(got, to) {
			t.Errorf("%s is version %s, not %s", pod.Name, got, to)
		}
	}
	if got := c.configured(t, "SAGA_LOG_LEVEL"); got != level {
		t.Errorf("the managers log at level %q, not %q", got, level)
	}
	c.awaitEnds(t, b, 2*time.Minute)
	t.Logf("version %s was rolled out after %s; %d orders in flight had ended after %s", to, rolledOut, b.n, since(begun))
	c.balanced(t, b, false)
}

// configured is what the managers are told by the chart.
func (c *cluster) configured(t *testing.T, variable string) string {
	t.Helper()
	var config corev1.ConfigMap
	if err := c.client.Get(t.Context(), types.NamespacedName{Namespace: operatorNamespace, Name: "saga-operator"}, &config); err != nil {
		t.Fatal(err)
	}
	return config.Data[variable]
}

func isUninstalledAndInstalledAgain(t *testing.T, c *cluster) {
	b := c.inFlight(t, shop, "orphaned", 20)
	c.mustHelm(t, "uninstall")
	eventually(t, startPatience, "the end of all managers", func() string {
		if left := len(c.managers(t)); left > 0 {
			return fmt.Sprintf("%d are left", left)
		}
		return ""
	})
	for _, kind := range []string{"sagas", "sagadefinitions", "sagaparticipants", "orderworkflows"} {
		var crd apiextensionsv1.CustomResourceDefinition
		if err := c.client.Get(t.Context(), types.NamespacedName{Name: kind + ".sagas.dev"}, &crd); err != nil {
			t.Fatal(err)
		}
		if crd.DeletionTimestamp != nil {
			t.Fatalf("the definition of %s is being deleted", kind)
		}
	}
	c.giveBack(t, "payment") // nobody is there to read what it answers
	c.awaitCharges(t, b)
	sagas := c.sagas(t, b)
	if len(sagas) != b.n {
		t.Fatalf("of %d sagas %d are left", b.n, len(sagas))
	}
	for _, saga := range sagas {
		if saga.DeletionTimestamp != nil || saga.Status.Phase != v1alpha1.PhaseRunning {
			t.Errorf("%s is %s, deleted at %v", saga.Name, saga.Status.Phase, saga.DeletionTimestamp)
		}
	}
	c.mustHelm(t, "install")
	c.awaitEnds(t, b, time.Minute)
	c.awaitManagers(t)
	c.balanced(t, b, false)
}

// awaitCharges waits until the payment has answered every order of a batch: those that are not declined are in its books.
func (c *cluster) awaitCharges(t *testing.T, b batch) {
	t.Helper()
	sagas := c.sagas(t, b)
	eventually(t, time.Minute, "the answers of the payment", func() string {
		read := c.readBooks(t)
		answered := 0
		for _, saga := range sagas {
			if slices.Contains(read.asked(string(saga.UID)), stepCharge+"/forward/1/1") {
				answered++
			}
		}
		if answered < b.n {
			return fmt.Sprintf("%d have one", answered)
		}
		return ""
	})
}

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
