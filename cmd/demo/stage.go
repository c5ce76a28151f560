package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/crew"
)

// grace is how long processes may take to end when they are asked to.
const grace = 8 * time.Second

// operatorNamespace is where config/rbac has the operator.
const operatorNamespace = "saga-system"

// lease is how long a new manager waits for one that was killed.
const lease = 8 * time.Second

// latency of each service: long enough to be watched.
var latency = map[string]time.Duration{
	"inventory": 700 * time.Millisecond, "payment": 700 * time.Millisecond, "shipping": 2 * time.Second, "cast": 100 * time.Millisecond,
}

// services, in the order in which an order meets them.
var services = []string{"inventory", "payment", "shipping"}

// demo is everything that runs.
type demo struct {
	dir, root string
	screen    *screen
	crew      *crew.Crew
	bin       binaries
	plane     *controlplane.ControlPlane
	client    client.Client
	broker    string
	operator  *controlplane.User
	metrics   string // the manager's address
	health    string

	members []string // the services' processes: subcommands of sample-services
	topics  []string // beside those of the shop
	story   func(*demo, context.Context) error
}

func (d *demo) dataDir() string { return filepath.Join(d.dir, "data") }
func (d *demo) keyFile() string { return filepath.Join(d.dir, "reply-token.key") }

// setStage starts control plane, broker, services and manager.
func (d *demo) setStage(ctx context.Context, kubeBin string) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.startControlPlane(groupCtx, kubeBin) })
	group.Go(func() (err error) {
		d.broker, err = d.startBroker(groupCtx)
		return err
	})
	if err := group.Wait(); err != nil {
		return whyEnded(ctx, err)
	}
	if err := d.prepareManager(ctx); err != nil {
		return err
	}
	return d.startCast()
}

func (d *demo) startControlPlane(ctx context.Context, kubeBin string) (err error) {
	dir := filepath.Join(d.dir, "controlplane")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making the control plane's directory: %w", err)
	}
	d.plane, err = controlplane.Start(ctx, controlplane.Options{
		Dir: dir, BinDir: kubeBin, ControllerManager: true, UnsafeNoFsync: true,
		CRDs: []string{filepath.Join(d.root, "config", "crd", "bases")},
	})
	if err != nil {
		return err
	}
	d.client, err = newClient(d.plane.Config())
	return err
}

// prepareManager makes what the manager needs beside its flags: above all its account, which may do no more here than
// config/rbac allows it in a cluster.
func (d *demo) prepareManager(ctx context.Context) (err error) {
	for _, args := range [][]string{{"apply", "-f", "config/default/namespace.yaml"}, {"apply", "-k", "config/rbac"}} {
		if out, err := d.kubectlOutput(ctx, args...); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
	}
	if d.operator, err = d.plane.AddUser("system:serviceaccount:" + operatorNamespace + ":saga-operator"); err != nil {
		return err
	}
	secret, err := wire.NewSecret()
	if err != nil {
		return err
	}
	if err := os.WriteFile(d.keyFile(), secret, 0o600); err != nil {
		return fmt.Errorf("writing the reply token's key: %w", err)
	}
	if d.metrics, err = freeAddress(); err != nil {
		return err
	}
	d.health, err = freeAddress()
	return err
}

// startCast starts, or starts again, all that the demo kills: the services and the manager.
func (d *demo) startCast() error {
	for _, name := range d.members {
		err := d.crew.Start(crew.Command{Name: name, Path: d.bin.services, Args: []string{
			name, "--brokers", d.broker, "--data", d.dataDir(), "--latency", latency[name].String(), "--log-level", "debug",
		}})
		if err != nil {
			return err
		}
	}
	return d.crew.Start(crew.Command{Name: "manager", Path: d.bin.manager, Args: []string{
		"--installation", installation,
		"--kafka-brokers", d.broker,
		"--kubeconfig", d.operator.Kubeconfig,
		"--reply-token-key-file", d.keyFile(),
		"--allow-all-topics",
		"--metrics-bind-address", d.metrics,
		"--health-probe-bind-address", d.health,
		// A manager that was killed is replaced once its lease has run out: by default after 15 s, which is long to look at.
		"--leader-election-namespace", operatorNamespace,
		"--leader-election-lease-duration", lease.String(),
		"--leader-election-renew-deadline", (lease * 3 / 4).String(),
		"--leader-election-retry-period", "500ms",
		"--log-format", "text",
	}})
}

// kubectl runs the real kubectl, and shows command and output.
func (d *demo) kubectl(ctx context.Context, args ...string) error {
	out, err := d.kubectlOutput(ctx, args...)
	d.screen.say("$ kubectl %s", typed(args))
	if len(out) > 0 {
		d.screen.print(string(out))
	}
	return err
}

// kubectlOutput runs the real kubectl in the project's root.
func (d *demo) kubectlOutput(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(d.plane.BinDir(), "kubectl"), args...)
	cmd.Dir = d.root
	cmd.Env = append(os.Environ(), "KUBECONFIG="+d.plane.Kubeconfig())
	out, err := cmd.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("running kubectl %s: %w", args[0], whyEnded(ctx, err))
	}
	return out, nil
}

// strike takes everything away.
func (d *demo) strike() error {
	d.crew.StopAll(grace)
	if d.plane == nil {
		return nil
	}
	return d.plane.Stop()
}

// freeAddress is an address of localhost whose port nobody listens on at this moment.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
