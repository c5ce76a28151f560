// Package stage sets up all that an order needs, as real processes on this machine: control plane, operator and the sample
// services, on a broker that is there already. The fault tests and the benchmark use it.
package stage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/kafka"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/crew"
)

// Services are the sample services, in the order in which an order meets them.
var Services = []string{"inventory", "payment", "shipping"}

// Options of a stage.
type Options struct {
	Dir          string // of logs, data and control plane; exists
	Broker       string // host:port
	Admin        string // host:port at which topics are made; empty: Broker
	Installation string
	Topics       string // prefix of the services' topics, so that stages can share a broker
	Latency      time.Duration
	NoFsync      bool // etcd does not wait for the disk
	LogLevel     string
	// Flags are more flags of a program, the manager or one of the services, by name. Optional.
	Flags func(name string) []string
	// Failed is told when a process ends that should not have.
	Failed func(error)
}

// Stage is what runs.
type Stage struct {
	Options
	Plane   *controlplane.ControlPlane
	Client  client.Client
	Crew    *crew.Crew
	Metrics string // address of the first manager's metrics
	root    string
	bin     string
}

// Set builds the programs, starts the control plane and the services, and makes topics, participants and definition. The manager is
// started separately.
func Set(ctx context.Context, o Options) (s *Stage, err error) {
	ctrl.SetLogger(logr.Discard()) // else the library complains that nobody did
	s = &Stage{Options: o, Crew: &crew.Crew{Dir: o.Dir, Failed: o.Failed}}
	if s.root, err = controlplane.Root(); err != nil {
		return nil, err
	}
	if err := s.build(ctx); err != nil {
		return nil, err
	}
	if err := s.startPlane(ctx); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		return nil, errors.Join(err, s.Strike())
	}
	return s, nil
}

func (s *Stage) build(ctx context.Context) error {
	s.bin = filepath.Join(s.root, "bin")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", s.bin+string(filepath.Separator), "./cmd/manager", "./cmd/sample-services")
	cmd.Dir, cmd.Env = s.root, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return nil
}

func (s *Stage) startPlane(ctx context.Context) error {
	bin, err := controlplane.BinDir(ctx, false)
	if err != nil {
		return err
	}
	dir := filepath.Join(s.Dir, "controlplane")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("making the control plane's directory: %w", err)
	}
	s.Plane, err = controlplane.Start(ctx, controlplane.Options{
		Dir: dir, BinDir: bin, UnsafeNoFsync: s.NoFsync, CRDs: []string{filepath.Join(s.root, "config", "crd", "bases")},
	})
	if err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return err
	}
	s.Client, err = client.New(s.Plane.Config(), client.Options{Scheme: scheme})
	return err
}

func (s *Stage) prepare(ctx context.Context) error {
	broker, err := kafka.Connect(kafka.Config{Brokers: []string{cmp.Or(s.Admin, s.Broker)}, ClientID: "stage"})
	if err != nil {
		return err
	}
	defer broker.Close()
	topics := []string{wire.RepliesTopic(s.Installation), wire.OutcomesTopic(s.Installation), wire.DeadLettersTopic(s.Installation), s.Topics + "order.events"}
	for _, name := range Services {
		topics = append(topics, s.Topics+name+".commands")
	}
	if err := broker.CreateTopics(ctx, 3, topics...); err != nil {
		return err
	}
	secret, err := wire.NewSecret()
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.keyFile(), secret, 0o600); err != nil {
		return fmt.Errorf("writing the reply token's key: %w", err)
	}
	if s.Metrics, err = FreeAddress(); err != nil {
		return err
	}
	if err := s.StartServices(); err != nil {
		return err
	}
	return s.describe(ctx)
}

func (s *Stage) keyFile() string { return filepath.Join(s.Dir, "reply-token.key") }

// Data is the directory of the services' books.
func (s *Stage) Data() string { return filepath.Join(s.Dir, "data") }

// StartServices starts, or starts again, the named services; all three where none is named.
func (s *Stage) StartServices(names ...string) error {
	if len(names) == 0 {
		names = Services
	}
	for _, name := range names {
		err := s.Crew.Start(crew.Command{Name: name, Path: filepath.Join(s.bin, "sample-services"), Args: append([]string{
			name, "--brokers", s.Broker, "--data", s.Data(), "--latency", s.Latency.String(), "--commands-topic", s.Topics + name + ".commands",
		}, s.more(name)...)})
		if err != nil {
			return err
		}
	}
	return nil
}

// StartManager starts a manager under a name. Leader election is for those that have company.
func (s *Stage) StartManager(name string, flags ...string) error {
	health, err := FreeAddress()
	if err != nil {
		return err
	}
	args := []string{
		"--installation", s.Installation, "--kafka-brokers", s.Broker, "--kubeconfig", s.Plane.Kubeconfig(),
		"--reply-token-key-file", s.keyFile(), "--allow-all-topics", "--health-probe-bind-address", health, "--log-format", "text",
	}
	if s.LogLevel != "" {
		args = append(args, "--log-level", s.LogLevel)
	}
	args = append(append(args, s.more("manager")...), flags...)
	return s.Crew.Start(crew.Command{Name: name, Path: filepath.Join(s.bin, "manager"), Args: args})
}

func (s *Stage) more(name string) []string {
	if s.Flags == nil {
		return nil
	}
	return s.Flags(name)
}

// Books runs the services' own check of their books and returns what it prints. It fails where they do not balance, or where
// one command id carried different bytes.
func (s *Stage) Books(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "sample-services"), append([]string{"books", "--data", s.Data()}, args...)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("checking the books: %w", err)
	}
	return string(out), nil
}

// Strike takes everything away.
func (s *Stage) Strike() error {
	s.Crew.StopAll(10 * time.Second)
	if s.Plane == nil {
		return nil
	}
	return s.Plane.Stop()
}

// FreeAddress is an address of localhost whose port nobody listens on at this moment.
func FreeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("looking for a free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}

// Namespace makes a namespace.
func (s *Stage) Namespace(ctx context.Context, name string) error {
	return s.Client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}
