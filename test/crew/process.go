package crew

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// tailLines is how much of a log is shown when its process is in trouble.
const tailLines = 20

// Process is a running child. It is reaped as soon as it ends.
type Process struct {
	name     string
	logFile  string
	cmd      *exec.Cmd
	expected atomic.Bool   // its end is wanted
	done     chan struct{} // closed once the child is reaped
	err      error         // how it ended; to be read after done
}

// Command is what to start.
type Command struct {
	Name string // of the process, and of its log <name>.log
	Path string
	Args []string
	Env  []string // besides this process's own
}

// Launch starts a child whose output is appended to its log in dir. ended is called when it ends without being wanted to.
func Launch(dir string, c Command, ended func(*Process)) (*Process, error) {
	p := &Process{name: c.Name, logFile: filepath.Join(dir, c.Name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", c.Name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	p.cmd = exec.Command(c.Path, c.Args...)
	p.cmd.Env = append(os.Environ(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = diesWithParent()
	if err := p.start(ended); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.Name, err)
	}
	return p, nil
}

// start forks on a thread that lives as long as the child: the kernel takes the end of the forking thread for the
// end of the parent.
func (p *Process) start(ended func(*Process)) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.err = p.cmd.Wait()
		close(p.done)
		if !p.expected.Load() {
			ended(p)
		}
	}()
	return <-started
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the child as a crash would and returns once it is reaped.
func (p *Process) Kill() {
	p.expected.Store(true)
	_ = p.cmd.Process.Kill() // fails only where the child is gone already
	<-p.done
}

// Signal sends a signal, such as SIGSTOP, to a child that may have ended already.
func (p *Process) Signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// Stop asks the child to end and kills it after grace.
func (p *Process) Stop(grace time.Duration) {
	p.expected.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // likewise
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.Kill()
	}
}

// unexpectedEnd says how a child ended that should not have, with the end of its log.
func (p *Process) unexpectedEnd() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s)\n%s", p.name, how, Tail(p.logFile))
}

// Tail returns the last lines of a log, with its name.
func Tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Sprintf("the end of %s:\n  %s", file, strings.Join(lines, "\n  "))
}
