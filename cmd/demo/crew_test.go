package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/test/crew"
)

func newCrew(t *testing.T) (*crew.Crew, context.Context) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	c := &crew.Crew{Dir: t.TempDir(), Failed: cancel}
	t.Cleanup(func() { c.StopAll(time.Second) })
	return c, ctx
}

func shell(name, script string) crew.Command {
	return crew.Command{Name: name, Path: "/bin/sh", Args: []string{"-c", script}}
}

func TestAProcessThatEndsByItselfEndsTheDemoWithItsLog(t *testing.T) {
	c, ctx := newCrew(t)
	if err := c.Start(shell("manager", "echo no broker >&2; exit 3")); err != nil {
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
		if err := c.Start(shell(name, "exec sleep 600")); err != nil {
			t.Fatal(err)
		}
	}
	pids := c.Kill("b", "a", "nobody")
	if len(pids) != 2 || ctx.Err() != nil {
		t.Fatalf("killed %v, context: %v", pids, context.Cause(ctx))
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
	if err := c.Start(shell("a", "exec sleep 600")); err != nil {
		t.Errorf("it cannot be started again: %v", err)
	}
}

func TestAProcessThatIgnoresTheRequestToEndIsKilled(t *testing.T) {
	c, ctx := newCrew(t)
	if err := c.Start(shell("stubborn", "trap '' TERM; echo $$; while :; do sleep 1; done")); err != nil {
		t.Fatal(err)
	}
	var pid int
	err := poll(ctx, "the trap", func() (bool, error) {
		text, err := os.ReadFile(filepath.Join(c.Dir, "stubborn.log"))
		n, _ := fmt.Sscan(string(text), &pid) // nothing yet
		return n == 1, err
	})
	if err != nil {
		t.Fatal(err)
	}
	c.StopAll(100 * time.Millisecond)
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
}
