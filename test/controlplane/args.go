package controlplane

import (
	"fmt"
	"net"
	"strings"
)

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
	args := []string{
		"--kubeconfig=" + user.Kubeconfig,
		"--bind-address=127.0.0.1", "--secure-port=" + port, "--cert-dir=" + c.options.Dir,
		"--controllers=" + strings.Join(c.options.Controllers, ","),
		"--leader-elect=false",
		"--kube-api-qps=200", "--kube-api-burst=400",
	}
	return append(args, c.options.ControllerManagerArgs...), nil
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
