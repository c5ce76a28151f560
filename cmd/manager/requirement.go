package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
)

// Waits of a requirement.
const (
	lookLeast = time.Second      // between two looks, also where one is asked for
	lookMost  = 10 * time.Second // while it does not hold
)

// requirement is something outside that must hold before the manager works. It is looked at as long as the process lives,
// which never ends because of it: readyz says what is missing, and one log line tells that it began, changed or ended.
type requirement struct {
	name  string // what it is about; starts its line in readyz
	check func(context.Context) error
	every time.Duration // between two looks while it holds
	log   logr.Logger

	met  chan struct{} // closed when it held for the first time
	once sync.Once
	soon chan struct{}

	mu     sync.Mutex
	err    error
	waited time.Duration
}

func newRequirement(name string, every time.Duration, log logr.Logger, check func(context.Context) error) *requirement {
	return &requirement{
		name: name, check: check, every: every, log: log.WithValues("requirement", name),
		met: make(chan struct{}), soon: make(chan struct{}, 1), err: errNotYet,
	}
}

// run looks until ctx is done.
func (r *requirement) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if seen := r.check(ctx); ctx.Err() == nil {
			r.rest(ctx, r.note(seen))
		}
	}
	return nil
}

// note takes in what a look has shown and says how long to wait for the next.
func (r *requirement) note(err error) time.Duration {
	r.mu.Lock()
	was := r.err
	r.err = err
	if err == nil {
		r.waited = 0
	} else {
		r.waited = min(max(2*r.waited, lookLeast), lookMost)
	}
	wait := r.waited
	r.mu.Unlock()
	switch {
	case err != nil && (was == nil || was.Error() != err.Error()):
		r.log.Error(err, "Something that the manager needs is not as it must be; looking again until it is")
	case err == nil && was != nil && was != errNotYet: //nolint:errorlint // the value itself: nothing wraps it
		r.log.Info("What the manager needs is as it must be again")
	}
	if err != nil {
		return wait
	}
	r.once.Do(func() { close(r.met) })
	return r.every
}

// rest waits until ctx is done, or shorter where somebody asks for a look.
func (r *requirement) rest(ctx context.Context, wait time.Duration) {
	due, soonest := time.NewTimer(wait), time.NewTimer(lookLeast)
	defer due.Stop()
	defer soonest.Stop()
	select {
	case <-ctx.Done():
		return
	case <-soonest.C:
	}
	select {
	case <-ctx.Done():
	case <-due.C:
	case <-r.soon:
	}
}

// look asks for a look soon. It never waits.
func (r *requirement) look() {
	select {
	case r.soon <- struct{}{}:
	default:
	}
}

// await returns once the requirement has held; false: ctx was done before.
func (r *requirement) await(ctx context.Context) bool {
	select {
	case <-r.met:
		return true
	case <-ctx.Done():
		return false
	}
}

// ready is the requirement's line in readyz.
func (r *requirement) ready() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err != nil {
		return "", fmt.Errorf("%s: %w", r.name, r.err)
	}
	return "ok", nil
}
