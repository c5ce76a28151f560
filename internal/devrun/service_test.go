package devrun

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// inventory runs the sample service of that name as a process of its own, until the returned function stops it as a shell would.
func inventory(t *testing.T, binary, broker string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cmd := exec.CommandContext(ctx, binary, "inventory", "--brokers", broker, "--data", t.TempDir(), "--synchronous", "NORMAL")
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		_ = cmd.Wait() // it was asked to end
		if t.Failed() {
			t.Log(log.String())
		}
	}
	t.Cleanup(stop)
	return stop
}

func TestAServiceThatRunsAnswersAndAStubOnceItHasStopped(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "sample-services")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, "../../cmd/sample-services").CombinedOutput(); err != nil {
		t.Fatalf("building the sample services: %v\n%s", err, out)
	}
	dir := t.TempDir()
	copySamples(t, dir, "participants.yaml", "order-fulfilment.yaml")
	out := start(t, Options{Paths: []string{dir}})
	stop := inventory(t, binary, out.broker(t))
	out.await(t, "participant inventory: real, it reads inventory.commands")

	copySamples(t, dir, "order-completes.yaml")
	out.await(t, "order-1001 is Completed 4/4")
	if said := out.String(); !strings.Contains(said, `inventory answers succeeded {"reservationId":"r-`) || strings.Contains(said, "stub inventory answers") {
		t.Errorf("it was not the service that answered:\n%s", said)
	}
	if !strings.Contains(out.String(), "stub payment answers succeeded") {
		t.Errorf("no stub answered for the payment service:\n%s", out)
	}

	stop()
	copySamples(t, dir, "order-survives.yaml")
	out.await(t, "order-1003 is Completed 4/4")
	if said := out.String(); !strings.Contains(said, "stub inventory answers succeeded {} to inventory.reserve (reserve-inventory) of order-1003") {
		t.Errorf("no stub stood in for the service:\n%s", said)
	}
}
