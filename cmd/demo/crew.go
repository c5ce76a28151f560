package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// crew is the child processes of the demo, by name. When one ends that should not have, the demo's context ends with
// that as its cause.
type crew struct {
	dir    string
	failed context.CancelCauseFunc

	mu      sync.Mutex // guards running
	running []*process // in the order in which they were started
}

// start starts a process.
func (c *crew) start(what command) error {
	p, err := launch(c.dir, what, func(p *process) { c.failed(p.unexpectedEnd()) })
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = append(c.running, p)
	return nil
}

// kill ends the named processes with SIGKILL and returns their process ids, in the order of the names.
func (c *crew) kill(names ...string) []int {
	var pids []int
	for _, name := range names {
		if p := c.take(name); p != nil {
			pids = append(pids, p.pid())
			p.kill()
		}
	}
	return pids
}

// take removes the named process from those that run; nil where it does not.
func (c *crew) take(name string) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.running, func(p *process) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	p := c.running[i]
	c.running = slices.Delete(c.running, i, i+1)
	return p
}

// stopAll ends every process, all at once, and returns when they are reaped.
func (c *crew) stopAll(grace time.Duration) {
	c.mu.Lock()
	running := c.running
	c.running = nil
	c.mu.Unlock()
	var wait sync.WaitGroup
	for _, p := range running {
		wait.Go(func() { p.stop(grace) })
	}
	wait.Wait()
}

// logs are the log files of what runs.
func (c *crew) logs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var files []string
	for _, p := range c.running {
		files = append(files, p.logFile)
	}
	return files
}
