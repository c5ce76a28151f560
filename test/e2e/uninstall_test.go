package e2e

import (
	"fmt"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func isUninstalledAndInstalledAgain(t *testing.T, c *cluster) {
	b := c.inFlight(t, shop, "orphaned", 20)
	c.mustHelm(t, "uninstall")
	eventually(t, startPatience, "the end of all managers", func() string {
		if left := len(c.managers(t)); left > 0 {
			return fmt.Sprintf("%d are left", left)
		}
		return ""
	})
	for _, kind := range []string{"sagas", "sagadefinitions", "sagaparticipants", "sagatriggers", "orderworkflows"} {
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

// awaitCharges waits until the payment has judged every order of a batch.
func (c *cluster) awaitCharges(t *testing.T, b batch) {
	t.Helper()
	sagas := c.sagas(t, b)
	eventually(t, time.Minute, "the answers of the payment", func() string {
		read := c.readBooks(t)
		answered := 0
		for _, saga := range sagas {
			if read.served(string(saga.UID) + "/" + stepCharge + "/forward/1/1") {
				answered++
			}
		}
		if answered < b.n {
			return fmt.Sprintf("%d have one", answered)
		}
		return ""
	})
}
