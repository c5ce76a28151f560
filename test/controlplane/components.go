package controlplane

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
)

// runAll starts components side by side and waits until the last of them, which needs the others, is ready.
func (c *ControlPlane) runAll(ctx context.Context, components ...Component) error {
	for _, component := range components {
		if err := c.launch(component); err != nil {
			return err
		}
	}
	var errs []error
	for _, component := range components {
		errs = append(errs, c.waitReady(ctx, component))
	}
	return errors.Join(errs...)
}

func (c *ControlPlane) run(ctx context.Context, component Component) error {
	return c.runAll(ctx, component)
}

// Restart kills a component as a crash would, starts it again on the same port and waits until it is ready.
func (c *ControlPlane) Restart(ctx context.Context, component Component) error {
	c.Kill(component)
	return c.run(ctx, component)
}

// Kill ends a component as a crash would (SIGKILL) and reaps it. Restart starts it again.
func (c *ControlPlane) Kill(component Component) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.processes[component]; p != nil {
		p.kill()
		delete(c.processes, component)
	}
}

func (c *ControlPlane) killAll() {
	for _, component := range []Component{ControllerManager, APIServer, Etcd} {
		c.Kill(component)
	}
}

// PID returns the process id of a component, or 0 where it does not run.
func (c *ControlPlane) PID(component Component) int {
	if p := c.running(component); p != nil {
		return p.pid()
	}
	return 0
}

func (c *ControlPlane) running(component Component) *process {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.processes[component]
}

func (c *ControlPlane) launch(component Component) error {
	args, err := c.args(component)
	if err != nil {
		return err
	}
	path := filepath.Join(c.options.BinDir, string(component))
	logFile := filepath.Join(c.options.Dir, string(component)+".log")
	p, err := startProcess(path, args, logFile, c.options.Output)
	if err != nil {
		return fmt.Errorf("starting %s: %w", component, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.processes[component] = p
	return nil
}
