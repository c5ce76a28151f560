package clockskew

import (
	"context"

	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Lock makes a leader election wait for the clock: as long as this manager does not hold the lease, looking at it waits
// until the guard lets it lead. The lease is renewed and released whatever the clock says; ending a manager that leads with
// a wrong clock is the guard's own work.
func (g *Guard) Lock(lock resourcelock.Interface) resourcelock.Interface {
	return &guarded{Interface: lock, guard: g}
}

type guarded struct {
	resourcelock.Interface
	guard *Guard
}

// Get reads the lease, once the clock is fine or the lease is held.
func (l *guarded) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if !l.guard.leads.Load() {
		if err := l.guard.Wait(ctx); err != nil {
			return nil, nil, err
		}
	}
	return l.Interface.Get(ctx)
}

// Create makes the lease.
func (l *guarded) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.Interface.Create(ctx, record)
	l.note(err, record)
	return err
}

// Update takes, renews or releases the lease.
func (l *guarded) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.Interface.Update(ctx, record)
	l.note(err, record)
	return err
}

func (l *guarded) note(err error, record resourcelock.LeaderElectionRecord) {
	if err == nil {
		l.guard.leads.Store(record.HolderIdentity == l.Identity())
	}
}
