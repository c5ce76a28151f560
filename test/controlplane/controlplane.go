// Package controlplane runs a real Kubernetes control plane as child processes: etcd, kube-apiserver and, where owners
// must collect what they own, kube-controller-manager. Tests, the demo and the benchmark use it.
//
// It is not controller-runtime's envtest, which has no controller manager, cannot restart a component on the same port and
// leaves its processes behind when the test is killed. What fits is used from there: the installing of CRDs.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/rest"
)

// Component names one process of a control plane.
type Component string

// The components, in the order in which they start.
const (
	Etcd              Component = "etcd"
	APIServer         Component = "kube-apiserver"
	ControllerManager Component = "kube-controller-manager"
)

// startTimeout bounds the start of one component. A loaded machine with 2 cores needs 15 s.
const startTimeout = 90 * time.Second

// Options say what to start. The zero value is a control plane for a test.
type Options struct {
	// Dir holds certificates, kubeconfig files, logs and data. Default: a new temporary directory, which Stop removes.
	Dir string
	// EtcdDir holds etcd's data; what an earlier run left there is taken up. Default: Dir/etcd.
	EtcdDir string
	// BinDir holds the binaries. Default: what BinDir returns.
	BinDir string
	// ControllerManager adds kube-controller-manager with the controllers named in Controllers.
	ControllerManager bool
	// Controllers the controller manager runs. Default: garbage collection and the deletion of namespaces.
	Controllers []string
	// CRDs are files or directories of CustomResourceDefinitions to install before Start returns.
	CRDs []string
	// UnsafeNoFsync spares etcd its waiting for the disk: faster, and wrong for a benchmark.
	UnsafeNoFsync bool
	// APIServerArgs are further flags of kube-apiserver.
	APIServerArgs []string
	// ControllerManagerArgs are further flags of kube-controller-manager.
	ControllerManagerArgs []string
	// Output receives what the processes print, besides their log files in Dir. Default: nothing.
	Output io.Writer
}

// ControlPlane is a running control plane. Its methods are safe for concurrent use.
type ControlPlane struct {
	options   Options
	authority *authority
	admin     *User
	temporary bool // Dir is ours to remove
	etcdURL   string
	apiURL    string
	managerAt string

	mu        sync.Mutex // guards processes
	processes map[Component]*process
}

// Start starts what the options name and returns once the API server is ready and the CRDs are established, about 5 s
// later on 2 idle cores. Whoever calls it calls Stop; on Linux the processes also end when this one does, however it dies.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	plane := &ControlPlane{options: options, processes: map[Component]*process{}}
	if err := plane.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the control plane: %w", err), plane.Stop())
	}
	return plane, nil
}

func (c *ControlPlane) start(ctx context.Context) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	if err := c.startOnFreePorts(ctx); err != nil {
		return err
	}
	if err := c.InstallCRDs(ctx, c.options.CRDs...); err != nil {
		return err
	}
	if !c.options.ControllerManager {
		return nil
	}
	// After the CRDs: the garbage collector looks for new resources only twice a minute.
	return c.run(ctx, ControllerManager)
}

// prepare settles the defaults and writes certificates and the administrator's kubeconfig.
func (c *ControlPlane) prepare(ctx context.Context) (err error) {
	o := &c.options
	if o.BinDir == "" {
		if o.BinDir, err = BinDir(ctx, o.ControllerManager); err != nil {
			return err
		}
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "controlplane-"); err != nil {
			return fmt.Errorf("making a directory: %w", err)
		}
		c.temporary = true
	}
	if o.EtcdDir == "" {
		o.EtcdDir = filepath.Join(o.Dir, "etcd")
	}
	if len(o.Controllers) == 0 {
		o.Controllers = []string{"garbage-collector-controller", "namespace-controller"}
	}
	if err := os.MkdirAll(o.EtcdDir, 0o700); err != nil {
		return fmt.Errorf("making etcd's directory: %w", err)
	}
	c.authority, err = newAuthority(o.Dir)
	return err
}

// startOnFreePorts starts etcd and the API server. A port that was free a moment ago may be taken by another process by
// the time it is used, so that is tried again with other ports.
func (c *ControlPlane) startOnFreePorts(ctx context.Context) error {
	const tries = 3
	for try := 1; ; try++ {
		err := c.choosePorts()
		if err != nil {
			return err
		}
		if err = c.runAll(ctx, Etcd, APIServer); err == nil {
			return c.waitForNamespace(ctx, "default")
		}
		if try == tries || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
		c.killAll()
	}
}

func (c *ControlPlane) choosePorts() (err error) {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	c.etcdURL = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	c.apiURL = fmt.Sprintf("https://127.0.0.1:%d", ports[1])
	c.managerAt = fmt.Sprintf("https://127.0.0.1:%d", ports[2])
	c.admin, err = c.AddUser("admin", "system:masters")
	return err
}

// Stop kills and reaps every process and removes the directory, if Start made it. It may be called more than once.
func (c *ControlPlane) Stop() error {
	c.killAll()
	if !c.temporary {
		return nil
	}
	if err := os.RemoveAll(c.options.Dir); err != nil {
		return fmt.Errorf("removing the control plane's directory: %w", err)
	}
	return nil
}

// Config returns the administrator's client configuration, a new copy each time, without a limit on requests.
func (c *ControlPlane) Config() *rest.Config { return c.admin.Config() }

// Kubeconfig is the path of the administrator's kubeconfig file.
func (c *ControlPlane) Kubeconfig() string { return c.admin.Kubeconfig }

// Dir is where certificates, kubeconfig files and the log <component>.log of each process are.
func (c *ControlPlane) Dir() string { return c.options.Dir }

// BinDir is where the binaries are, kubectl among them.
func (c *ControlPlane) BinDir() string { return c.options.BinDir }

// EtcdURL is where etcd answers, without TLS.
func (c *ControlPlane) EtcdURL() string { return c.etcdURL }
