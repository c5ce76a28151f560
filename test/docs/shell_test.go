package docs

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long the commands of one block may take.
const patience = 5 * time.Minute

// shell runs blocks.
type shell struct {
	dir string   // where
	env []string // besides the test's own
}

// run runs a scenario: its blocks in order, and what is to be done between them.
func (s *shell) run(t *testing.T, file, heading, scenario string, deeds map[string]func()) {
	t.Helper()
	begun, ran, printed := time.Now(), 0, ""
	for _, b := range blocksOf(t, file, heading) {
		switch {
		case b.mark == do && deeds[b.what] != nil:
			deeds[b.what]()
		case b.mark == output && printed != "":
			if line := missing(b.text, printed); line != "" {
				t.Fatalf("%s: %q is not in what was printed:\n%s", b, line, printed)
			}
		case b.mark == test && b.what == scenario && b.lang == "console":
			printed = s.console(t, b)
			ran++
		case b.mark == test && b.what == scenario:
			printed = s.bash(t, b, strings.Join(b.text, "\n"))
			ran++
		default:
			printed = "" // of a block that is not this scenario's, nothing is known
		}
	}
	if ran == 0 {
		t.Fatalf("%s has no block of scenario %q", file, scenario)
	}
	t.Logf("%s: %d blocks of %q took %s", file, ran, scenario, time.Since(begun).Round(100*time.Millisecond))
}

func (s *shell) console(t *testing.T, b block) (all string) {
	t.Helper()
	for _, line := range b.typed() {
		printed := s.bash(t, b, line.command)
		if missed := missing(line.prints, printed); missed != "" {
			t.Fatalf("%s: $ %s: %q is not in what was printed:\n%s", b, line.command, missed, printed)
		}
		all += printed
	}
	return all
}

func (s *shell) bash(t *testing.T, b block, text string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := s.command(ctx, text)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s\nprinted\n%s", b, err, text, out)
	}
	return string(out)
}

func (s *shell) command(ctx context.Context, text string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", text)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 30 * time.Second
	return cmd
}

// background starts what runs until it is interrupted, waits until it has printed text, and returns all that it printed.
func (s *shell) background(t *testing.T, commands, text string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := s.command(ctx, commands)
	printed := &safeBuffer{}
	cmd.Stdout, cmd.Stderr = printed, printed
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		t.Logf("%s, interrupted, ended: %v", commands, <-ended)
	})
	for deadline := time.Now().Add(20 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if strings.Contains(printed.String(), text) {
			return printed.String()
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended (%v) without printing %q:\n%s", commands, err, text, printed)
		default:
		}
	}
	t.Fatalf("%s has not printed %q:\n%s", commands, text, printed)
	return ""
}

// safeBuffer may be written to and read at the same time.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// path puts directories before those where programs are looked for.
func path(dirs ...string) string {
	return "PATH=" + strings.Join(append(dirs, os.Getenv("PATH")), string(filepath.ListSeparator))
}
