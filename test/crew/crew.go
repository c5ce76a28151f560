package crew

import (
	"context"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Crew is child processes, by name. Failed is told when one ends that should not have.
type Crew struct {
	Dir    string // of the logs
	Failed context.CancelCauseFunc

	mu      sync.Mutex // guards running
	running []*Process // in the order in which they were started
}

// Start starts a process.
func (c *Crew) Start(what Command) error {
	p, err := Launch(c.Dir, what, func(p *Process) { c.Failed(p.unexpectedEnd()) })
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = append(c.running, p)
	return nil
}

// Kill ends the named processes with SIGKILL and returns their process ids, in the order of the names.
func (c *Crew) Kill(names ...string) []int {
	var pids []int
	for _, name := range names {
		if p := c.take(name); p != nil {
			pids = append(pids, p.PID())
			p.Kill()
		}
	}
	return pids
}

// Signal sends a signal to the named process, if it runs.
func (c *Crew) Signal(name string, s syscall.Signal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.running {
		if p.name == name {
			p.Signal(s)
		}
	}
}

// take removes the named process from those that run; nil where it does not.
func (c *Crew) take(name string) *Process {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.running, func(p *Process) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	p := c.running[i]
	c.running = slices.Delete(c.running, i, i+1)
	return p
}

// StopAll ends every process, all at once, and returns when they are reaped.
func (c *Crew) StopAll(grace time.Duration) {
	c.mu.Lock()
	running := c.running
	c.running = nil
	c.mu.Unlock()
	var wait sync.WaitGroup
	for _, p := range running {
		wait.Go(func() { p.Stop(grace) })
	}
	wait.Wait()
}

// Logs are the log files of what runs.
func (c *Crew) Logs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var files []string
	for _, p := range c.running {
		files = append(files, p.logFile)
	}
	return files
}
