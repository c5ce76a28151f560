package controlplane

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

const widgetCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Widget, plural: widgets, singular: widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`

var widgets = schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}

func TestMain(m *testing.M) { Main(m, Options{}) }

func clientOf(t *testing.T, plane *ControlPlane) kubernetes.Interface {
	t.Helper()
	client, err := kubernetes.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func newConfigMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

func TestTheAdministratorMayDoEverythingAndAStrangerNothing(t *testing.T) {
	plane := ForTest(t)
	namespace := plane.Namespace(t)
	if _, err := clientOf(t, plane).CoreV1().ConfigMaps(namespace).Create(t.Context(), newConfigMap("a"), metav1.CreateOptions{}); err != nil {
		t.Fatalf("the administrator: %v", err)
	}
	stranger, err := plane.AddUser("stranger", "some-group")
	if err != nil {
		t.Fatal(err)
	}
	client, err := kubernetes.NewForConfig(stranger.Config())
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.CoreV1().ConfigMaps(namespace).Get(t.Context(), "a", metav1.GetOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("the stranger got %v, want forbidden", err)
	}
}

func TestTheKubeconfigWorksWithKubectl(t *testing.T) {
	plane := ForTest(t)
	kubectl := exec.CommandContext(t.Context(), filepath.Join(plane.BinDir(), "kubectl"),
		"--kubeconfig", plane.Kubeconfig(), "auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
	out, err := kubectl.CombinedOutput()
	if err != nil || string(out) != "admin" {
		t.Errorf("kubectl auth whoami: %q, %v; want admin", out, err)
	}
}

func TestWhatAnOwnerLeavesBehindIsCollected(t *testing.T) {
	bin := ForTest(t).BinDir()
	if _, err := os.Stat(filepath.Join(bin, string(ControllerManager))); err != nil {
		t.Skip("no kube-controller-manager: hack/controlplane/build --controller-manager provides it, in minutes")
	}
	plane, err := Start(t.Context(), Options{BinDir: bin, ControllerManager: true, UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, plane)
	namespace := plane.Namespace(t)
	configMaps := clientOf(t, plane).CoreV1().ConfigMaps(namespace)
	owner, err := configMaps.Create(t.Context(), newConfigMap("owner"), metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	owned := newConfigMap("owned")
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}}
	if _, err := configMaps.Create(t.Context(), owned, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := configMaps.Delete(t.Context(), "owner", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the owned object is gone", func(ctx context.Context) bool {
		_, err := configMaps.Get(ctx, "owned", metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

func TestInstalledCRDsAreServedAndWritesAreCounted(t *testing.T) {
	plane := ForTest(t)
	namespace := plane.Namespace(t)
	file := filepath.Join(t.TempDir(), "widgets.yaml")
	if err := os.WriteFile(file, []byte(widgetCRD), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := plane.InstallCRDs(t.Context(), file); err != nil {
		t.Fatal(err)
	}
	before, err := plane.Requests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client, err := dynamic.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		widget := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Widget"}}
		widget.SetName(name)
		if _, err := client.Resource(widgets).Namespace(namespace).Create(t.Context(), widget, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	after, err := plane.Requests(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	created := after.Since(before).Count(func(r Request) bool { return r.IsWrite() && r.Resource == "widgets" })
	if created != 3 {
		t.Errorf("%d writes of widgets were counted, want 3", created)
	}
}

func TestAMissingCRDPathIsAnError(t *testing.T) {
	plane := ForTest(t)
	if err := plane.InstallCRDs(t.Context(), filepath.Join(t.TempDir(), "nowhere")); err == nil {
		t.Error("no error")
	}
}

func TestTheDatabaseSizeIsKnown(t *testing.T) {
	plane := ForTest(t)
	size, err := plane.DatabaseBytes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if size < 10<<10 || size > 100<<20 {
		t.Errorf("a database with next to nothing in it has %d bytes", size)
	}
}

func TestWhatWasStoredSurvivesACrashOfEveryComponent(t *testing.T) {
	plane, err := Start(t.Context(), Options{UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, plane)
	configMaps := clientOf(t, plane).CoreV1().ConfigMaps("default")
	if _, err := configMaps.Create(t.Context(), newConfigMap("kept"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, component := range []Component{Etcd, APIServer} {
		if err := plane.Restart(t.Context(), component); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := configMaps.Get(t.Context(), "kept", metav1.GetOptions{}); err != nil {
		t.Errorf("after the restarts: %v", err)
	}
}

func TestAComponentThatCannotStartSaysWhy(t *testing.T) {
	_, err := Start(t.Context(), Options{UnsafeNoFsync: true, APIServerArgs: []string{"--no-such-flag"}})
	if err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("got %v, want an error that names the flag", err)
	}
}

func stop(t *testing.T, plane *ControlPlane) {
	t.Helper()
	if err := plane.Stop(); err != nil {
		t.Error(err)
	}
}

// eventually polls until the condition holds, for at most a minute.
func eventually(t *testing.T, what string, condition func(context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), pollInterval, time.Minute, true, func(ctx context.Context) (bool, error) {
		return condition(ctx), nil
	})
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
