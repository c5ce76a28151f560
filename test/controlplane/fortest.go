package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// shared is the control plane that the tests of one test binary use together.
var shared struct {
	sync.Mutex
	options *Options // nil until Main has run
	plane   *ControlPlane
	err     error
}

// Main runs a package's tests so that ForTest works in them, and stops the control plane after the last one:
//
//	func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}) }
//
// The options apply to the shared control plane. Without CRDs in them it serves those of config/crd/bases. Its etcd does
// not wait for the disk. With ControllerManager set, the first run on a machine may have to build it, which takes longer
// than go test's own limit of 10 minutes: run hack/controlplane/build --controller-manager before. Main ends the process.
func Main(m *testing.M, options Options) {
	options.UnsafeNoFsync = true
	shared.options = &options
	code := m.Run()
	if err := stopShared(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func stopShared() error {
	shared.Lock()
	defer shared.Unlock()
	if shared.plane == nil {
		return nil
	}
	return shared.plane.Stop()
}

// ForTest returns the control plane of this test binary, which the first call starts. Tests share it, so each works in a
// namespace of its own: see Namespace. A test that restarts components, or counts requests, calls Start instead.
func ForTest(t testing.TB) *ControlPlane {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.options == nil {
		t.Fatal("controlplane.ForTest needs: func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}) }")
	}
	if shared.plane == nil && shared.err == nil {
		shared.plane, shared.err = startShared(*shared.options)
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.plane
}

func startShared(options Options) (*ControlPlane, error) {
	if len(options.CRDs) == 0 {
		root, err := Root()
		if err != nil {
			return nil, err
		}
		options.CRDs = existing(filepath.Join(root, "config", "crd", "bases"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute) // the binaries may have to be built
	defer cancel()
	return Start(ctx, options)
}

func existing(path string) []string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return []string{path}
}

// Namespace makes a namespace of its own for a test and returns its name. It stays: without a controller manager a
// namespace is never gone, and the control plane lives no longer than the tests.
func (c *ControlPlane) Namespace(t testing.TB) string {
	t.Helper()
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		t.Fatalf("making a client: %v", err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	namespace, err = client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	if err != nil {
		t.Fatalf("making a namespace: %v", err)
	}
	return namespace.Name
}
