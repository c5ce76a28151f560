package main

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

// process is a running child. It is reaped as soon as it ends.
type process struct {
	name     string
	logFile  string
	cmd      *exec.Cmd
	expected atomic.Bool   // its end is wanted
	done     chan struct{} // closed once the child is reaped
	err      error         // how it ended; to be read after done
}

// command is what to start.
type command struct {
	name string // of the process, and of its log <name>.log
	path string
	args []string
	env  []string // besides this process's own
}

// launch starts a child whose output is appended to its log in dir. ended is called when it ends without being wanted to.
func launch(dir string, c command, ended func(*process)) (*process, error) {
	p := &process{name: c.name, logFile: filepath.Join(dir, c.name+".log"), done: make(chan struct{})}
	log, err := os.OpenFile(p.logFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log of %s: %w", c.name, err)
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	p.cmd = exec.Command(c.path, c.args...)
	p.cmd.Env = append(os.Environ(), c.env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = diesWithParent()
	if err := p.start(ended); err != nil {
		return nil, fmt.Errorf("starting %s: %w", c.name, err)
	}
	return p, nil
}

// start forks on a thread that lives as long as the child: the kernel takes the end of the forking thread for the
// end of the parent.
func (p *process) start(ended func(*process)) error {
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

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the child as a crash would and returns once it is reaped.
func (p *process) kill() {
	p.expected.Store(true)
	_ = p.cmd.Process.Kill() // fails only where the child is gone already
	<-p.done
}

// stop asks the child to end and kills it after grace.
func (p *process) stop(grace time.Duration) {
	p.expected.Store(true)
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // likewise
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		p.kill()
	}
}

// unexpectedEnd says how a child ended that should not have, with the end of its log.
func (p *process) unexpectedEnd() error {
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("%s ended by itself (%s)\n%s", p.name, how, tail(p.logFile))
}

// tail returns the last lines of a log, with its name.
func tail(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Sprintf("the end of %s:\n  %s", file, strings.Join(lines, "\n  "))
}
