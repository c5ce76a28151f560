package manifests

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// releaseLimit is half of what a Secret holds, in which Helm keeps a release: charts only grow.
const releaseLimit = 512 << 10

// cluster is an API server of its own, into which the chart is really installed. Nothing runs there.
type cluster struct {
	client client.Client
	plane  *controlplane.ControlPlane
	chart  string
	helm   string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	plane, err := controlplane.Start(t.Context(), controlplane.Options{UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return &cluster{client: c, plane: plane, chart: chart(t), helm: tool(t, "helm")}
}

func (c *cluster) create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := c.client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
}

// namespace makes a namespace as a cluster does, with the authorities' ConfigMap.
func (c *cluster) namespace(t *testing.T, name string) {
	t.Helper()
	c.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}},
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "kube-root-ca.crt"}})
}

func (c *cluster) token(t *testing.T, namespace string) {
	t.Helper()
	c.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "saga-operator-reply-token"},
		StringData: map[string]string{"key": strings.Repeat("k", 32)},
	})
}

// run runs helm, which must succeed.
func (c *cluster) run(t *testing.T, args ...string) {
	t.Helper()
	run(t, c.helm, append(args, "--kubeconfig", c.plane.Kubeconfig())...)
}

func (c *cluster) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	var d appsv1.Deployment
	if err := c.client.Get(t.Context(), types.NamespacedName{Namespace: namespace, Name: release}, &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

func (c *cluster) saga(t *testing.T) *v1alpha1.Saga {
	t.Helper()
	var saga v1alpha1.Saga
	if err := c.client.Get(t.Context(), types.NamespacedName{Namespace: "shop", Name: "order-1"}, &saga); err != nil {
		t.Fatal(err)
	}
	return &saga
}

func TestAReleaseIsInstalledChangedRemovedAndInstalledAgain(t *testing.T) {
	c := newCluster(t)
	c.namespace(t, namespace)
	c.namespace(t, "shop")
	install := []string{"install", release, c.chart, "--namespace", namespace, "--values", filepath.Join(c.chart, "ci", "cluster-values.yaml")}

	_, errOut, err := try(t, c.helm, append(slices.Clone(install), "--kubeconfig", c.plane.Kubeconfig())...)
	if want := "Secret saga-operator-reply-token (replyToken.secretName) is not in namespace saga-system"; err == nil || !strings.Contains(string(errOut), want) {
		t.Fatalf("without the Secret: %v, %s; want %q", err, errOut, want)
	}
	c.token(t, namespace)
	c.run(t, install...)
	c.fits(t)
	first := c.deployment(t)
	c.create(t, &v1alpha1.Saga{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "order-1"},
		Spec:       v1alpha1.SagaSpec{DefinitionRef: &v1alpha1.DefinitionReference{Name: "order-fulfilment"}},
	})
	saga := c.saga(t)

	c.run(t, "upgrade", release, c.chart, "--namespace", namespace, "--reuse-values", "--set", "replicas=3,concurrency=32")
	if d := c.deployment(t); *d.Spec.Replicas != 3 || checksum(d) == checksum(first) {
		t.Errorf("after an upgrade: %d replicas; the pods are the same: %t", *d.Spec.Replicas, checksum(d) == checksum(first))
	}
	c.run(t, "rollback", release, "1", "--namespace", namespace)
	if d := c.deployment(t); *d.Spec.Replicas != 2 || checksum(d) != checksum(first) {
		t.Errorf("after a rollback: %d replicas; the pods are the same: %t", *d.Spec.Replicas, checksum(d) == checksum(first))
	}

	c.run(t, "uninstall", release, "--namespace", namespace)
	c.leftBehind(t)
	if c.saga(t).UID != saga.UID {
		t.Error("uninstalling took the saga away")
	}
	c.run(t, install...)
	if c.saga(t).UID != saga.UID {
		t.Error("installing again took the saga away")
	}
	c.deployment(t)
}

func checksum(d *appsv1.Deployment) string { return d.Spec.Template.Annotations["checksum/config"] }

// fits holds that Helm's record of the release is well below what a Secret takes.
func (c *cluster) fits(t *testing.T) {
	t.Helper()
	var record corev1.Secret
	key := types.NamespacedName{Namespace: namespace, Name: "sh.helm.release.v1." + release + ".v1"}
	if err := c.client.Get(t.Context(), key, &record); err != nil {
		t.Fatal(err)
	}
	size := len(record.Data["release"])
	t.Logf("the record of the release has %d KiB", size>>10)
	if size == 0 || size > releaseLimit {
		t.Errorf("the record of the release has %d bytes; want at most %d", size, releaseLimit)
	}
}

// leftBehind holds that uninstalling leaves nothing but definitions and what was not the chart's.
func (c *cluster) leftBehind(t *testing.T) {
	t.Helper()
	of := client.MatchingLabels{"app.kubernetes.io/instance": release}
	for _, list := range []client.ObjectList{
		&appsv1.DeploymentList{}, &corev1.ConfigMapList{}, &corev1.ServiceAccountList{}, &corev1.ServiceList{},
		&rbacv1.ClusterRoleList{}, &rbacv1.ClusterRoleBindingList{}, &rbacv1.RoleList{}, &rbacv1.RoleBindingList{},
	} {
		if err := c.client.List(t.Context(), list, of); err != nil {
			t.Fatal(err)
		}
		if meta.LenList(list) > 0 {
			t.Errorf("left behind: %T %+v", list, list)
		}
	}
}

func TestTwoReleasesLiveSideBySide(t *testing.T) {
	c := newCluster(t)
	for _, name := range []string{"sagas-a", "sagas-b", "shop-a", "shop-b"} {
		c.namespace(t, name)
	}
	for _, one := range []string{"a", "b"} {
		c.token(t, "sagas-"+one)
		c.run(t, "install", "sagas-"+one, c.chart, "--namespace", "sagas-"+one, "--set", "kafka.brokers={kafka:9092},watch.scope=Namespaced,"+
			"watch.namespaces={shop-"+one+"},installation="+one+",crds.enabled="+map[string]string{"a": "true", "b": "false"}[one])
	}
	c.run(t, "uninstall", "sagas-a", "--namespace", "sagas-a")
	var role rbacv1.Role
	if err := c.client.Get(t.Context(), types.NamespacedName{Namespace: "shop-b", Name: "sagas-b-saga-operator-sagas"}, &role); err != nil {
		t.Errorf("the other release's role: %v", err)
	}
	err := c.client.Get(t.Context(), types.NamespacedName{Namespace: "shop-a", Name: "sagas-a-saga-operator-sagas"}, &role)
	if !apierrors.IsNotFound(err) {
		t.Errorf("the role of the release that is gone: %v", err)
	}
}
