package policies

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// Who asks. Those without a colon are people with the built-in role of that name in the test's namespace, or none.
const (
	nobody     = "nobody"
	view       = "view"
	edit       = "edit"
	admin      = "admin"
	root       = "root" // of the whole cluster
	operator   = "system:serviceaccount:saga-system:saga-operator"
	collector  = "system:serviceaccount:kube-system:generic-garbage-collector"
	namespaces = "system:serviceaccount:kube-system:namespace-controller"
	undivided  = "system:kube-controller-manager" // without credentials of its own for each controller
)

// cluster is the shared control plane with config/rbac and config/policies, and the clients of all who ask.
type cluster struct {
	plane   *controlplane.ControlPlane
	root    string
	scheme  *runtime.Scheme
	clients map[string]client.WithWatch
	files   map[string]string // kubeconfigs
}

var shared struct {
	sync.Once
	cluster *cluster
	err     error
}

func ready(t *testing.T) *cluster {
	t.Helper()
	plane := controlplane.ForTest(t)
	shared.Do(func() { shared.cluster, shared.err = install(plane) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

func install(plane *controlplane.ControlPlane) (*cluster, error) {
	root, err := controlplane.Root()
	if err != nil {
		return nil, err
	}
	c := &cluster{plane: plane, root: root, scheme: runtime.NewScheme(), clients: map[string]client.WithWatch{}, files: map[string]string{}}
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, clientgoscheme.AddToScheme} {
		if err := add(c.scheme); err != nil {
			return nil, err
		}
	}
	if err := c.addUsers(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	system := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "saga-system"}}
	if err := c.clients["root"].Create(ctx, system); err != nil {
		return nil, err
	}
	for _, folder := range []string{"rbac", "policies"} {
		if out, err := c.kubectl(ctx, "apply", "--server-side", "-k", filepath.Join(root, "config", folder)); err != nil {
			return nil, fmt.Errorf("applying config/%s: %w: %s", folder, err, out)
		}
	}
	return c, c.grantUndivided(ctx)
}

// addUsers makes everybody who asks.
func (c *cluster) addUsers() error {
	for name, groups := range map[string][]string{
		nobody: nil, view: nil, edit: nil, admin: nil, root: {"system:masters"}, operator: nil, collector: nil, namespaces: nil, undivided: nil,
	} {
		user, err := c.plane.AddUser(name, groups...)
		if err != nil {
			return err
		}
		if c.clients[name], err = client.NewWithWatch(user.Config(), client.Options{Scheme: c.scheme}); err != nil {
			return fmt.Errorf("making the client of %s: %w", name, err)
		}
		c.files[name] = user.Kubeconfig
	}
	return nil
}

// grantUndivided lets the controller manager that has no credentials for each of its controllers delete, and no more: those
// controllers that have an account of their own are given their roles by the API server itself.
func (c *cluster) grantUndivided(ctx context.Context) error {
	return c.clients[root].Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "undivided"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "system:controller:namespace-controller"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: undivided}},
	})
}

// kubectl runs kubectl as root and returns all that it prints.
func (c *cluster) kubectl(ctx context.Context, args ...string) (string, error) {
	return c.kubectlAs(ctx, root, "", args...)
}

func (c *cluster) kubectlAs(ctx context.Context, who, stdin string, args ...string) (string, error) {
	cache := filepath.Join(c.plane.Dir(), "kubectl-cache")
	cmd := exec.CommandContext(ctx, filepath.Join(c.plane.BinDir(), "kubectl"), append([]string{"--kubeconfig", c.files[who], "--cache-dir", cache}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "KUBECTL_KUBERC=false")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// eventually polls until holds is true.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute) // a loaded machine needs half of one
	for !holds() {
		if t.Failed() || time.Now().After(deadline) {
			t.Fatalf("still waiting for %s", what)
		}
		time.Sleep(50 * time.Millisecond) // between two polls
	}
}
