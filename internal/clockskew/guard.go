package clockskew

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
)

// Bound is how far the clock of a manager that leads may be from the API server's.
const Bound = 5 * time.Second

var (
	// ErrSkewed says that the clock is off by more than Bound.
	ErrSkewed = errors.New("this machine's clock is too far from the API server's")
	// errUnknown is what readyz says until the clock was compared once.
	errUnknown = errors.New("clock: not compared with the API server's yet")
)

// Options of a Guard. Zero durations are replaced by defaults.
type Options struct {
	Offset    func(context.Context) (time.Duration, error) // see Meter.Offset
	Every     time.Duration                                // between two comparisons; 30 s
	SoonEvery time.Duration                                // between two comparisons while the clock is off or unknown; 10 s
	Observe   func(offset time.Duration)                   // told of each comparison; may be nil
	Log       logr.Logger
}

// Guard compares the clock regularly. It lets nobody lead whose clock is off, and ends a manager that leads when it drifts.
type Guard struct {
	o     Options
	leads atomic.Bool

	mu    sync.Mutex
	err   error         // why this manager may not lead now; nil: it may
	fine  chan struct{} // closed while err is nil
	known bool
	mute  bool // it was told that the clocks cannot be compared
}

// NewGuard returns a guard; Start runs it.
func NewGuard(o Options) *Guard {
	if o.Every <= 0 {
		o.Every = 30 * time.Second
	}
	if o.SoonEvery <= 0 {
		o.SoonEvery = 10 * time.Second
	}
	return &Guard{o: o, err: errUnknown, fine: make(chan struct{})}
}

// NeedLeaderElection says that the guard runs in every manager.
func (g *Guard) NeedLeaderElection() bool { return false }

// Start compares at once and then regularly, until ctx is done.
//
// Errors: ErrSkewed once the clock of a manager that leads is off; the manager ends with it and releases its lease.
func (g *Guard) Start(ctx context.Context) error {
	for {
		g.compare(ctx)
		if err := g.Err(); errors.Is(err, ErrSkewed) && g.leads.Load() {
			return fmt.Errorf("giving up leadership: %w", err)
		}
		every := g.o.Every
		if g.Err() != nil {
			every = g.o.SoonEvery
		}
		if !sleep(ctx, every) {
			return nil
		}
	}
}

// sleep says whether it slept to the end.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// Wait returns once the clock is fine, or ctx is done. Start must run.
func (g *Guard) Wait(ctx context.Context) error {
	g.mu.Lock()
	fine := g.fine
	g.mu.Unlock()
	select {
	case <-fine:
		return nil
	case <-ctx.Done():
		return errors.Join(g.Err(), ctx.Err())
	}
}

// Err is nil while the clock is known to be fine, for readyz.
func (g *Guard) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// Lead says that this manager leads without an election: it waits until the clock is fine, comparing by itself.
func (g *Guard) Lead(ctx context.Context) error {
	for {
		g.compare(ctx)
		if g.Err() == nil {
			g.leads.Store(true)
			return nil
		}
		if !sleep(ctx, g.o.SoonEvery) {
			return errors.Join(g.Err(), ctx.Err())
		}
	}
}

// compare takes one measurement. Where there is none, what was known before stands: an API server that is away is no
// reason to doubt the clock, and without it nobody leads anyway.
func (g *Guard) compare(ctx context.Context) {
	offset, err := g.o.Offset(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
	case err != nil:
		if !g.silence(true) {
			g.o.Log.Info("Cannot compare the clock with the API server's; trying again", "reason", err.Error())
		}
	default:
		g.silence(false)
		if g.o.Observe != nil {
			g.o.Observe(offset)
		}
		g.settle(judge(offset))
	}
}

// silence says whether trouble with the comparison was told of already, and remembers whether it is now.
func (g *Guard) silence(mute bool) (was bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was, g.mute = g.mute, mute
	return was
}

func judge(offset time.Duration) error {
	direction := "ahead"
	if offset < 0 {
		direction = "behind"
	}
	if offset.Abs() <= Bound {
		return nil
	}
	return fmt.Errorf("clock: %w: at least %s %s, at most %s are allowed", ErrSkewed, offset.Abs().Round(time.Millisecond), direction, Bound)
}

func (g *Guard) settle(err error) {
	g.mu.Lock()
	was, known := g.err, g.known
	g.err, g.known = err, true
	switch {
	case err == nil && was != nil:
		close(g.fine)
	case err != nil && was == nil:
		g.fine = make(chan struct{})
	}
	g.mu.Unlock()
	switch {
	case err != nil && !errors.Is(was, ErrSkewed):
		g.o.Log.Error(err, "Not leading because of the clock; comparing again until it is fine")
	case err != nil: // by how much is in readyz and in the metric
	case was != nil && known:
		g.o.Log.Info("The clock is fine again")
	}
}
