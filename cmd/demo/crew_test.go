package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func newCrew(t *testing.T) (*crew, context.Context) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	c := &crew{dir: t.TempDir(), failed: cancel}
	t.Cleanup(func() { c.stopAll(time.Second) })
	return c, ctx
}

func shell(name, script string) command {
	return command{name: name, path: "/bin/sh", args: []string{"-c", script}}
}

func TestAProcessThatEndsByItselfEndsTheDemoWithItsLog(t *testing.T) {
	c, ctx := newCrew(t)
	if err := c.start(shell("manager", "echo no broker >&2; exit 3")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ctx.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("nobody noticed")
	}
	for _, want := range []string{"manager ended by itself", "exit status 3", "no broker"} {
		if got := context.Cause(ctx).Error(); !strings.Contains(got, want) {
			t.Errorf("the cause does not say %q: %s", want, got)
		}
	}
}

func TestAProcessThatIsKilledOnPurposeIsNoFailure(t *testing.T) {
	c, ctx := newCrew(t)
	for _, name := range []string{"a", "b"} {
		if err := c.start(shell(name, "exec sleep 600")); err != nil {
			t.Fatal(err)
		}
	}
	pids := c.kill("b", "a", "nobody")
	if len(pids) != 2 || ctx.Err() != nil {
		t.Fatalf("killed %v, context: %v", pids, context.Cause(ctx))
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
	if err := c.start(shell("a", "exec sleep 600")); err != nil {
		t.Errorf("it cannot be started again: %v", err)
	}
	if log, err := os.ReadFile(c.running[0].logFile); err != nil || len(log) != 0 {
		t.Errorf("log %q, %v", log, err)
	}
}

func TestAProcessThatIgnoresTheRequestToEndIsKilled(t *testing.T) {
	c, ctx := newCrew(t)
	if err := c.start(shell("stubborn", "trap '' TERM; echo ready; while :; do sleep 1; done")); err != nil {
		t.Fatal(err)
	}
	p := c.running[0]
	err := poll(ctx, "the trap", func() (bool, error) {
		text, err := os.ReadFile(p.logFile)
		return strings.Contains(string(text), "ready"), err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.stopAll(100 * time.Millisecond)
	if err := syscall.Kill(p.pid(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
}
