package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// leaseEvery is how often a manager that does not lead tries again to read a lease that cannot be read.
const leaseEvery = 2 * time.Second

// Why a lease is not released: who takes over would work beside this manager, or beside who has it by now. The library reads
// the lease before it releases it, and does not look at whose it is.
var (
	errWorking = errors.New("messages may still be on their way: the lease is left to expire")
	errTaken   = errors.New("another manager has taken the lease")
)

// lease is the lock of the election. A manager that waits for it tells of trouble with it once, where the library does at
// each try; and it is released only once nothing leaves this manager any more.
type lease struct {
	resourcelock.Interface
	log     logr.Logger
	working func() bool   // messages may be on their way
	every   time.Duration // between two tries of a manager that does not lead; leaseEvery by default
	away    func()        // told when the API server does not answer; whoever looks at it says so
	leads   atomic.Bool

	mu      sync.Mutex
	holder  string
	trouble string
}

var _ resourcelock.Interface = &lease{}

// Get reads the lease.
func (l *lease) Get(ctx context.Context) (record *resourcelock.LeaderElectionRecord, raw []byte, err error) {
	err = l.insist(ctx, func() (err error) {
		record, raw, err = l.Interface.Get(ctx)
		return err
	})
	if err == nil {
		l.mu.Lock()
		l.holder = record.HolderIdentity
		l.mu.Unlock()
	}
	return record, raw, err
}

// Create makes the lease.
func (l *lease) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.insist(ctx, func() error { return l.Interface.Create(ctx, record) })
	l.noteLead(err, record)
	return err
}

// Update takes, renews or releases the lease.
func (l *lease) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	switch {
	case record.HolderIdentity != "":
	case l.working():
		return errWorking
	case l.heldBy() != l.Identity():
		return errTaken
	}
	err := l.Interface.Update(ctx, record)
	if err != nil && ctx.Err() == nil {
		l.complain(err)
	}
	l.noteLead(err, record)
	return err
}

// heldBy says whose the lease was when it was last read or written.
func (l *lease) heldBy() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.holder
}

// insist repeats what fails until it works or its outcome decides who leads, as long as this manager does not.
func (l *lease) insist(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil || apierrors.IsNotFound(err) && !namespaceMissing(err) || apierrors.IsAlreadyExists(err) {
			l.note("")
			return err
		}
		if ctx.Err() == nil {
			l.complain(err)
		}
		if l.leads.Load() || ctx.Err() != nil {
			return err
		}
		timer := time.NewTimer(cmp.Or(l.every, leaseEvery))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// namespaceMissing tells a lease that cannot be made from one that is not there yet.
func namespaceMissing(err error) bool {
	var status apierrors.APIStatus
	return errors.As(err, &status) && status.Status().Details != nil && status.Status().Details.Kind == "namespaces"
}

// complain tells of what the API server says to the lease; where it says nothing, that concerns more than the lease.
func (l *lease) complain(err error) {
	switch {
	case apierrors.ReasonForError(err) == metav1.StatusReasonUnknown:
		l.away()
	case !apierrors.IsConflict(err):
		l.note(err.Error())
	}
}

// note logs what begins, changes or ends.
func (l *lease) note(trouble string) {
	l.mu.Lock()
	was := l.trouble
	l.trouble = trouble
	l.mu.Unlock()
	switch {
	case trouble == was:
	case trouble == "":
		l.log.Info("The lease can be used again")
	default:
		l.log.Error(errors.New(trouble), "The lease cannot be used; trying again until it can", "lease", l.Describe())
	}
}

func (l *lease) noteLead(err error, record resourcelock.LeaderElectionRecord) {
	if err != nil {
		return
	}
	leads := record.HolderIdentity == l.Identity()
	if l.leads.Swap(leads) != leads {
		l.log.Info("Who leads has changed", "this", leads, "lease", l.Describe())
	}
	l.mu.Lock()
	l.holder = record.HolderIdentity
	l.mu.Unlock()
}

// state says for readyz who leads.
func (l *lease) state() (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.leads.Load():
		return "leads", nil
	case l.trouble != "":
		return "", fmt.Errorf("the lease %s cannot be used: %s", l.Describe(), l.trouble)
	case l.holder == "":
		return "stands by", nil
	}
	return "stands by; " + l.holder + " leads", nil
}
