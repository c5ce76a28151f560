package controlplane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// abandonDir is the variable that makes this test binary start a control plane in that directory and die.
const abandonDir = "CONTROLPLANE_TEST_ABANDON_DIR"

func init() {
	if dir := os.Getenv(abandonDir); dir != "" {
		abandon(dir)
	}
}

// abandon starts a control plane, writes its process ids down, and is killed without stopping it.
func abandon(dir string) {
	plane, err := Start(context.Background(), Options{Dir: dir, UnsafeNoFsync: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	pids := fmt.Sprintln(plane.PID(Etcd), plane.PID(APIServer))
	if err := os.WriteFile(filepath.Join(dir, "pids"), []byte(pids), 0o600); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	select {} // until the signal arrives
}

func TestStopLeavesNoProcessAndNoDirectory(t *testing.T) {
	plane, err := Start(t.Context(), Options{UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	pids := []int{plane.PID(Etcd), plane.PID(APIServer)}
	if err := plane.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d still runs", pid)
		}
	}
	if _, err := os.Stat(plane.Dir()); !os.IsNotExist(err) {
		t.Errorf("the directory: %v, want it gone", err)
	}
	if err := plane.Stop(); err != nil {
		t.Errorf("stopping again: %v", err)
	}
}

func TestTheProcessesDieWithAParentThatIsKilled(t *testing.T) {
	dir := t.TempDir()
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), abandonDir+"="+dir)
	out, err := parent.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the parent ended with %v, want killed: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "pids"))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "process "+field+" is gone", func(context.Context) bool { return !alive(pid) })
	}
}

// alive says whether a process runs; a zombie that nobody has reaped yet does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}
