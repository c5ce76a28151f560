package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// startPatience is how long a broker may take to start, with the time to fetch its jars.
const startPatience = 5 * time.Minute

// Apache is an Apache Kafka broker in a process of its own, which a test may kill and start again. It keeps its
// address and its data.
type Apache struct {
	dir, host        string
	port, controller int

	mu      sync.Mutex
	process *exec.Cmd
	exited  chan struct{}
}

// StartApache starts a broker with its data in dir on that port of localhost; 0 takes a free one. The first start
// on a machine fetches the jars. The test's end stops it.
func StartApache(t testing.TB, dir string, port int) *Apache {
	t.Helper()
	return StartApacheOn(t, dir, "127.0.0.1", port)
}

// StartApacheOn does the same on another address of this machine, such as a bridge that containers reach.
func StartApacheOn(t testing.TB, dir, host string, port int) *Apache {
	t.Helper()
	controller := FreePort(t)
	if port == 0 {
		port = FreePort(t)
	}
	a := &Apache{dir: dir, host: host, port: port, controller: controller}
	t.Cleanup(func() { a.Kill(t) })
	a.Restart(t)
	return a
}

// Addr is the broker's host:port.
func (a *Apache) Addr() string { return net.JoinHostPort(a.host, strconv.Itoa(a.port)) }

// Kill ends the broker the way a power failure does. Killing one that does not run changes nothing.
func (a *Apache) Kill(t testing.TB) {
	t.Helper()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.process == nil {
		return
	}
	if err := a.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("killing the broker: %v", err)
	}
	<-a.exited
	a.process = nil
}

// Restart starts the broker again and waits until it answers.
func (a *Apache) Restart(t testing.TB) {
	t.Helper()
	a.Kill(t)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.launch(); err != nil {
		t.Fatal(err)
	}
	if err := a.await(); err != nil {
		t.Fatalf("%v; its log is %s", err, a.log())
	}
}

func (a *Apache) log() string { return filepath.Join(a.dir, "log") }

func (a *Apache) launch() error {
	script, err := script("run")
	if err != nil {
		return err
	}
	log, err := os.OpenFile(a.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("opening the broker's log: %w", err)
	}
	process := exec.Command(script, a.dir, strconv.Itoa(a.port), strconv.Itoa(a.controller))
	process.Env = append(os.Environ(), "KAFKA_HOST="+a.host)
	process.Stdout, process.Stderr = log, log
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // no broker outlives its test
	if err := process.Start(); err != nil {
		return fmt.Errorf("starting the broker: %w", err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		waited, closed := process.Wait(), log.Close()
		fmt.Fprintln(os.Stderr, "kafkatest: broker ended:", errors.Join(waited, closed))
	}()
	a.process, a.exited = process, exited
	return nil
}

// await asks the broker until it answers.
func (a *Apache) await() error {
	client, err := kgo.NewClient(kgo.SeedBrokers(a.Addr()))
	if err != nil {
		return fmt.Errorf("preparing to ask the broker: %w", err)
	}
	defer client.Close()
	deadline := time.After(startPatience)
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err := client.Ping(ctx)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-a.exited:
			return fmt.Errorf("the broker ended while it started: %w", err)
		case <-deadline:
			return fmt.Errorf("the broker did not answer within %s: %w", startPatience, err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// FreePort returns a port of localhost that is free now.
func FreePort(t testing.TB) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := listener.Close(); err != nil {
			t.Error(err)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// script finds one of hack/kafka's, from wherever in the module the test runs.
func script(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for hack/kafka: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "hack", "kafka", name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("looking for hack/kafka: this test does not run inside the module")
		}
	}
}
