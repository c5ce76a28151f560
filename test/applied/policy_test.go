package applied

import (
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// argoServer is who patches sagas when somebody uses an action in Argo CD's user interface.
const argoServer = "system:serviceaccount:argocd:argocd-server"

// grants gives a user verbs on resources of a group, everywhere.
func (c *tool) grants(name, user, group, resource string, verbs ...string) {
	c.t.Helper()
	c.must(c.api.Create(c.t.Context(), &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}},
	}))
	c.must(c.api.Create(c.t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}))
}

// patches changes the saga run-1 until the answer is as wanted: policies and permissions take a moment to be known.
func (c *tool) patches(patch string, wanted bool) {
	c.t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		saga := c.live(c.t.Context(), run1(c.t))
		err = c.api.Patch(c.t.Context(), saga, client.RawPatch(types.MergePatchType, []byte(patch)), client.DryRunAll)
		if wanted == (err == nil) && (err == nil || apierrors.IsForbidden(err)) {
			return
		}
	}
	c.t.Fatalf("%s: error %v; want it taken: %t", patch, err, wanted)
}

func TestArgoCDsActionToAbortNeedsTheVerbWhereThePoliciesAreOn(t *testing.T) {
	admin := shared(t, "actions")
	for _, policy := range manifests(t, "config/policies") {
		admin.must(admin.api.Create(t.Context(), policy))
	}
	admin.apply(run1(t))
	user, err := controlplane.ForTest(t).AddUser(argoServer)
	if err != nil {
		t.Fatal(err)
	}
	api, err := client.New(user.Config(), client.Options{Scheme: admin.api.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	argo := &tool{t: t, api: api, namespace: "actions", name: argoServer}
	admin.grants("argocd-server", argoServer, "*", "*", "delete", "get", "patch") // as Argo CD's own manifests do
	argo.awaits()
	argo.patches(`{"spec":{"suspend":true}}`, true)
	argo.patches(`{"spec":{"abort":true}}`, false)
	admin.grants("argocd-aborts-sagas", argoServer, "sagas.dev", "sagas", "abort")
	argo.patches(`{"spec":{"abort":true}}`, true)
}

// awaits waits until the user may read the saga at all.
func (c *tool) awaits() {
	c.t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		saga := c.desired(run1(c.t))
		if err = c.api.Get(c.t.Context(), client.ObjectKeyFromObject(saga), saga); err == nil {
			return
		}
	}
	c.t.Fatal(err)
}
