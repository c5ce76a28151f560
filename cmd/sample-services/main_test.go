package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/participant/participanttest"
)

// actAsMain makes the test's own binary be the real one, so that services can be killed as processes.
const actAsMain = "SAMPLE_SERVICES_ACT_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(actAsMain) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is a service that runs.
type process struct {
	cmd *exec.Cmd
	log *transcript
}

// transcript is a log that may be read while it is written.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *transcript) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *transcript) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// awaitLog waits until the service has logged a message.
func (p *process) awaitLog(t *testing.T, message string) {
	t.Helper()
	deadline := time.Now().Add(participanttest.Patience)
	for !strings.Contains(p.log.String(), message) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not log %q", message)
		}
		<-time.After(10 * time.Millisecond)
	}
}

func startService(t *testing.T, name, data string, brokers []string, flags ...string) *process {
	t.Helper()
	args := append([]string{name, "--data", data, "--log-level", "debug"}, flags...)
	p := &process{cmd: exec.Command(os.Args[0], args...), log: &transcript{}}
	p.cmd.Env = append(os.Environ(), actAsMain+"=1", "SAGA_BROKERS="+brokers[0])
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.kill(t)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, p.log)
		}
	})
	return p
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatalf("killing: %v", err)
	}
	_ = p.cmd.Wait() // says only that it was killed
}

// terminate asks politely and returns how the process ended.
func (p *process) terminate(t *testing.T) error {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("asking to end: %v", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-time.After(participanttest.Patience):
		t.Fatal("it did not end after SIGTERM")
		return nil
	}
}

// books runs the subcommand and returns what it printed as JSON, and whether its exit code was 0.
func books(t *testing.T, data string) (report, bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), participanttest.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "books", "--data", data, "-o", "json")
	cmd.Env = append(os.Environ(), actAsMain+"=1")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("running books: %v", err)
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("books printed %q: %v", out, err)
	}
	return r, err == nil
}
