package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/sagas-dev/saga-operator/internal/version"
	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}) }

var build struct {
	sync.Once
	path string
	err  error
}

// binary builds the manager once, into the control plane's directory, which goes with it.
func binary(t *testing.T) string {
	t.Helper()
	dir := controlplane.ForTest(t).Dir()
	build.Do(func() {
		build.path = filepath.Join(dir, "manager")
		if out, err := exec.Command("go", "build", "-o", build.path, ".").CombinedOutput(); err != nil {
			build.err = fmt.Errorf("building the manager: %w: %s", err, out)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.path
}

// process is a running manager.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ended chan struct{}
	log   *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(binary(t), args...), ended: make(chan struct{}), log: &lockedBuffer{}}
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the code is read from ProcessState
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it has usually ended
		<-p.ended
		if t.Failed() {
			t.Logf("the manager's log:\n%s", p.log)
		}
	})
	return p
}

// startManager starts a manager with ports of its own, in a lease namespace.
func startManager(t *testing.T, kafka *kafkatest.Cluster, installation, namespace string, more ...string) *process {
	t.Helper()
	return start(t, append([]string{
		"--installation", installation, "--kafka-brokers", strings.Join(kafka.Brokers, ","),
		"--kubeconfig", controlplane.ForTest(t).Kubeconfig(), "--insecure-reply-token-key", "--allow-all-topics",
		"--leader-election-namespace", namespace,
		"--metrics-bind-address", "127.0.0.1:0", "--health-probe-bind-address", "127.0.0.1:0",
	}, more...)...)
}

var probesAddress = regexp.MustCompile(`"msg":"Serving probes","address":"([^"]+)"`)

// readyz returns code and text; 0 before the manager listens.
func (p *process) readyz() (int, string) {
	p.t.Helper()
	match := probesAddress.FindStringSubmatch(p.log.String())
	if match == nil {
		return 0, ""
	}
	response, err := http.Get("http://" + match[1] + "/readyz")
	if err != nil {
		return 0, err.Error()
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		p.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (p *process) await(what string, holds func() bool) {
	p.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !holds() {
		select {
		case <-p.ended:
			p.t.Fatalf("the manager ended while waiting for %s: %s", what, p.cmd.ProcessState)
		case <-time.After(20 * time.Millisecond): // between two polls
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("still waiting for %s", what)
		}
	}
}

// exits waits for the end and returns the exit code.
func (p *process) exits(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(within):
		p.t.Fatalf("the manager runs %s later still", within)
		return -1
	}
}

func holder(t *testing.T, namespace, installation string) string {
	t.Helper()
	client, err := kubernetes.NewForConfig(controlplane.ForTest(t).Config())
	if err != nil {
		t.Fatal(err)
	}
	lease, err := client.CoordinationV1().Leases(namespace).Get(t.Context(), "saga-operator-"+installation, metav1.GetOptions{})
	if err != nil || lease.Spec.HolderIdentity == nil {
		return ""
	}
	return *lease.Spec.HolderIdentity
}

func createOwnTopics(t *testing.T, kafka *kafkatest.Cluster, installation string) {
	t.Helper()
	kafka.CreateTopics(t, 2, wire.RepliesTopic(installation), wire.OutcomesTopic(installation), wire.DeadLettersTopic(installation))
}

func TestTheManagerGetsReadyAndReleasesTheLeaseOnSIGTERM(t *testing.T) {
	plane, kafka := controlplane.ForTest(t), kafkatest.Start(t)
	namespace := plane.Namespace(t)
	createOwnTopics(t, kafka, "orderly")
	p := startManager(t, kafka, "orderly", namespace)
	p.await("the lease", func() bool { return holder(t, namespace, "orderly") != "" })
	p.await("readiness", func() bool { code, _ := p.readyz(); return code == http.StatusOK })

	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := p.exits(10 * time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	if got := holder(t, namespace, "orderly"); got != "" {
		t.Errorf("the lease is still held by %s", got)
	}
	for _, line := range strings.Split(strings.TrimSpace(p.log.String()), "\n") {
		if !json.Valid([]byte(line)) {
			t.Errorf("a log line that is no JSON: %s", line)
		}
		if strings.Contains(line, `"level":"ERROR"`) && !strings.Contains(line, givenUp) || strings.Contains(line, "stacktrace") {
			t.Errorf("an error in an ordinary life: %s", line)
		}
	}
}

// givenUp is how the library words that the lease was given up as asked, where that comes late in the stop: as an error.
const givenUp = `"msg":"error received after stop sequence was engaged","err":"leader election lost"`

func TestASecondManagerTakesOverAtOnceWhenTheFirstEnds(t *testing.T) {
	plane, kafka := controlplane.ForTest(t), kafkatest.Start(t)
	namespace := plane.Namespace(t)
	createOwnTopics(t, kafka, "pair")
	first := startManager(t, kafka, "pair", namespace)
	first.await("the lease", func() bool { return holder(t, namespace, "pair") != "" })
	leader := holder(t, namespace, "pair")
	second := startManager(t, kafka, "pair", namespace)
	second.await("readiness of the one that waits", func() bool { code, _ := second.readyz(); return code == http.StatusOK })
	if got := holder(t, namespace, "pair"); got != leader {
		t.Fatalf("%s holds the lease, want %s", got, leader)
	}
	if err := first.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := first.exits(10 * time.Second); code != 0 {
		t.Errorf("exit code %d, want 0", code)
	}
	released := time.Now()
	second.await("the lease", func() bool { h := holder(t, namespace, "pair"); return h != "" && h != leader })
	if took := time.Since(released); took > 10*time.Second {
		t.Errorf("the second took over after %s; the lease was not released", took)
	}
}

func TestReadyzSaysWhichTopicIsMissing(t *testing.T) {
	plane, kafka := controlplane.ForTest(t), kafkatest.Start(t)
	namespace := plane.Namespace(t)
	kafka.CreateTopics(t, 1, wire.RepliesTopic("half"), wire.DeadLettersTopic("half"))
	p := startManager(t, kafka, "half", namespace)
	p.await("readyz to name the topic", func() bool {
		code, text := p.readyz()
		return code == http.StatusServiceUnavailable && strings.Contains(text, "missing: half.saga.outcomes;")
	})
}

func TestReadyzSaysThatTheBrokerIsAway(t *testing.T) {
	namespace := controlplane.ForTest(t).Namespace(t)
	p := startManager(t, &kafkatest.Cluster{Brokers: []string{"127.0.0.1:1"}}, "lonely", namespace)
	p.await("readyz to say so", func() bool {
		code, text := p.readyz()
		return code == http.StatusServiceUnavailable && strings.Contains(text, "topics: the broker does not answer")
	})
}

// startHanging starts a manager that leads and is in the middle of reading a request, which keeps a server from ending.
func startHanging(t *testing.T, installation string, more ...string) (p *process, namespace string) {
	t.Helper()
	kafka := kafkatest.Start(t)
	namespace = controlplane.ForTest(t).Namespace(t)
	createOwnTopics(t, kafka, installation)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	p = startManager(t, kafka, installation, namespace, append(more, "--pprof-bind-address", address)...)
	p.await("the lease", func() bool { return holder(t, namespace, installation) != "" })
	half, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = half.Close() }) // it has usually ended with the process
	if _, err := io.WriteString(half, "GET /debug/pprof/ HTTP/1.1\r\n"); err != nil {
		t.Fatal(err)
	}
	// A whole request on another connection comes back only after the server has looked at the first.
	p.await("an answer", func() bool {
		response, err := http.Get("http://" + address + "/debug/pprof/cmdline")
		return err == nil && response.Body.Close() == nil
	})
	return p, namespace
}

func (p *process) signal(signal syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
}

func TestAnEndThatHangsIsBoundedAndReleasesTheLease(t *testing.T) {
	p, namespace := startHanging(t, "hanging", "--shutdown-timeout", "2s")
	p.signal(syscall.SIGTERM)
	told := time.Now()
	if code := p.exits(10 * time.Second); code != exitFailed || time.Since(told) > 4*time.Second {
		t.Errorf("exit code %d after %s; want %d after 2s", code, time.Since(told), exitFailed)
	}
	if got := holder(t, namespace, "hanging"); got != "" {
		t.Errorf("the lease is still held by %s", got)
	}
}

func TestASecondSignalEndsTheManagerAtOnce(t *testing.T) {
	p, _ := startHanging(t, "hurried", "--shutdown-timeout", "1m")
	p.signal(syscall.SIGTERM)
	p.await("its ending", func() bool { return strings.Contains(p.log.String(), "Ending: no more work is taken") })
	p.signal(syscall.SIGTERM)
	if code := p.exits(5 * time.Second); code == exitDone {
		t.Errorf("exit code %d; want another, since it was cut short", code)
	}
}

func TestBadConfigurationEndsWithCodeTwoAndNamesTheFlag(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"no brokers":        {[]string{"--insecure-reply-token-key"}, "--kafka-brokers: at least one host:port is required"},
		"a wrong number":    {[]string{"--kafka-brokers", "a:1", "--insecure-reply-token-key", "--concurrency", "0"}, "--concurrency: must be from 1 to 256, is 0"},
		"an unknown flag":   {[]string{"--kafka-broker", "a:1"}, "unknown flag: --kafka-broker"},
		"an argument":       {[]string{"start"}, `"start" is no flag`},
		"no key of replies": {[]string{"--kafka-brokers", "a:1"}, "--reply-token-key-file: is required"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if code := run(test.args, nil, &out, &errOut); code != exitUsage || !strings.Contains(errOut.String(), test.want) {
				t.Errorf("exit code %d, message %q; want %d, %q", code, errOut.String(), exitUsage, test.want)
			}
		})
	}
}

func TestVersionAndHelpNeedNoConfiguration(t *testing.T) {
	for flag, want := range map[string]string{"--version": "manager " + version.Text(), "--help": "--kafka-brokers"} {
		var out, errOut bytes.Buffer
		if code := run([]string{flag}, nil, &out, &errOut); code != exitDone || !strings.Contains(out.String(), want) {
			t.Errorf("%s: exit code %d, output %q, errors %q", flag, code, out.String(), errOut.String())
		}
	}
}
