package main

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sagas-dev/saga-operator/internal/wire"
	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}) }

var build struct {
	sync.Once
	path string
	out  []byte
	err  error
}

// startManager runs the real manager, on a broker and with topics of its own, until the test ends.
func startManager(t *testing.T, broker *kafkatest.Cluster, flags ...string) (stop func()) {
	t.Helper()
	plane := controlplane.ForTest(t)
	build.Do(func() {
		build.path = filepath.Join(plane.Dir(), "manager")
		build.out, build.err = exec.Command("go", "build", "-trimpath", "-o", build.path, "../manager").CombinedOutput()
	})
	if build.err != nil {
		t.Fatalf("building the manager: %v: %s", build.err, build.out)
	}
	installation := kafkatest.Name("selftest")
	broker.CreateTopics(t, 1, wire.RepliesTopic(installation), wire.OutcomesTopic(installation), wire.DeadLettersTopic(installation))
	log := &bytes.Buffer{}
	cmd := exec.Command(build.path, append([]string{
		"--installation", installation, "--kafka-brokers", strings.Join(broker.Brokers, ","), "--kubeconfig", plane.Kubeconfig(),
		"--insecure-reply-token-key", "--allow-all-topics", "--leader-elect=false", "--metrics-bind-address=0", "--health-probe-bind-address=0",
	}, flags...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	stop = func() {
		once.Do(func() {
			_ = cmd.Process.Kill() // nothing is lost by it
			_ = cmd.Wait()         // says that it was killed
			if t.Failed() {
				t.Logf("the manager's log:\n%s", log)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// result is what became of one run.
type result struct {
	code        int
	out, errOut string
}

func runIn(ctx context.Context, t *testing.T, broker *kafkatest.Cluster, namespace string, flags ...string) result {
	t.Helper()
	var out, errOut bytes.Buffer
	code := run(ctx, append([]string{
		"--kubeconfig", controlplane.ForTest(t).Kubeconfig(),
		"--namespace", namespace, "--topic", kafkatest.Name("commands"), "--timeout", "60s",
	}, flags...), []string{"SAGA_KAFKA_BROKERS=" + strings.Join(broker.Brokers, ",")}, &out, &errOut)
	t.Logf("exit code %d\n%s%s", code, &out, &errOut)
	return result{code, out.String(), errOut.String()}
}
