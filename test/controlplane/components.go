package controlplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

const pollInterval = 50 * time.Millisecond

// runAll starts components side by side and waits until the last of them, which needs the others, is ready.
func (c *ControlPlane) runAll(ctx context.Context, components ...Component) error {
	for _, component := range components {
		if err := c.launch(component); err != nil {
			return err
		}
	}
	var errs []error
	for _, component := range components {
		errs = append(errs, c.waitReady(ctx, component))
	}
	return errors.Join(errs...)
}

func (c *ControlPlane) run(ctx context.Context, component Component) error {
	return c.runAll(ctx, component)
}

// Restart kills a component as a crash would, starts it again on the same port and waits until it is ready.
func (c *ControlPlane) Restart(ctx context.Context, component Component) error {
	c.Kill(component)
	return c.run(ctx, component)
}

// Kill ends a component as a crash would (SIGKILL) and reaps it. Restart starts it again.
func (c *ControlPlane) Kill(component Component) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.processes[component]; p != nil {
		p.kill()
		delete(c.processes, component)
	}
}

func (c *ControlPlane) killAll() {
	for _, component := range []Component{ControllerManager, APIServer, Etcd} {
		c.Kill(component)
	}
}

// PID returns the process id of a component, or 0 where it does not run.
func (c *ControlPlane) PID(component Component) int {
	if p := c.running(component); p != nil {
		return p.pid()
	}
	return 0
}

func (c *ControlPlane) running(component Component) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.processes[component]
}

func (c *ControlPlane) launch(component Component) error {
	args, err := c.args(component)
	if err != nil {
		return err
	}
	path := filepath.Join(c.options.BinDir, string(component))
	logFile := filepath.Join(c.options.Dir, string(component)+".log")
	p, err := startProcess(path, args, logFile, c.options.Output)
	if err != nil {
		return fmt.Errorf("starting %s: %w", component, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.processes[component] = p
	return nil
}

func (c *ControlPlane) args(component Component) ([]string, error) {
	switch component {
	case Etcd:
		return c.etcdArgs(), nil
	case APIServer:
		return c.apiServerArgs()
	case ControllerManager:
		return c.controllerManagerArgs()
	}
	return nil, fmt.Errorf("unknown component %q", component)
}

func (c *ControlPlane) etcdArgs() []string {
	args := []string{
		"--data-dir=" + c.options.EtcdDir,
		"--listen-client-urls=" + c.etcdURL,
		"--advertise-client-urls=" + c.etcdURL,
		"--listen-peer-urls=http://127.0.0.1:0", // a single member has no peers
		"--log-level=warn",
	}
	if c.options.UnsafeNoFsync {
		args = append(args, "--unsafe-no-fsync")
	}
	return args
}

func (c *ControlPlane) apiServerArgs() ([]string, error) {
	serving, err := c.authority.issueServer()
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(c.apiURL, "https://"))
	if err != nil {
		return nil, fmt.Errorf("reading the API server's port: %w", err)
	}
	args := []string{
		"--etcd-servers=" + c.etcdURL,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=" + port,
		"--tls-cert-file=" + serving.certFile, "--tls-private-key-file=" + serving.keyFile,
		"--client-ca-file=" + c.authority.certFile,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.authority.keyFile, "--service-account-signing-key-file=" + c.authority.keyFile,
		"--service-cluster-ip-range=10.0.0.0/24",
		"--endpoint-reconciler-type=none",            // it would write a lease every few seconds
		"--disable-admission-plugins=ServiceAccount", // nobody makes the service accounts that it asks for
	}
	return append(args, c.options.APIServerArgs...), nil
}

func (c *ControlPlane) controllerManagerArgs() ([]string, error) {
	user, err := c.AddUser("system:kube-controller-manager", "system:masters")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(c.managerAt, "https://"))
	if err != nil {
		return nil, fmt.Errorf("reading the controller manager's port: %w", err)
	}
	return []string{
		"--kubeconfig=" + user.Kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--cert-dir=" + c.options.Dir,
		"--controllers=" + strings.Join(c.options.Controllers, ","),
		"--leader-elect=false",
		"--kube-api-qps=200", "--kube-api-burst=400",
	}, nil
}

// waitReady polls a component's health until it is good, the process ends, or time is up.
func (c *ControlPlane) waitReady(ctx context.Context, component Component) error {
	url := map[Component]string{
		Etcd: c.etcdURL + "/health", APIServer: c.apiURL + "/readyz", ControllerManager: c.managerAt + "/healthz",
	}[component]
	p := c.running(component)
	if p == nil {
		return fmt.Errorf("%s was stopped", component)
	}
	client := c.healthClient()
	defer client.CloseIdleConnections()
	err := wait.PollUntilContextTimeout(ctx, pollInterval, startTimeout, true, func(ctx context.Context) (bool, error) {
		if err := p.exited(); err != nil {
			return false, err
		}
		return healthy(ctx, client, url), nil
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w; the end of its log:\n%s", component, err, p.tail())
	}
	return nil
}

func healthy(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}

func (c *ControlPlane) waitForNamespace(ctx context.Context, name string) error {
	client, err := kubernetes.NewForConfig(c.Config())
	if err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	err = wait.PollUntilContextTimeout(ctx, pollInterval, startTimeout, true, func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().Namespaces().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil {
		return fmt.Errorf("waiting for namespace %s: %w", name, err)
	}
	return nil
}

// freePorts returns ports of 127.0.0.1 that nobody listens on at this moment, all different.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		defer func() { _ = listener.Close() }() // held until all are chosen: hence all different
		ports = append(ports, listener.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
