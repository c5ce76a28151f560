package main

import (
	"context"
	"errors"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// paper is a lease on paper: what is read from it and written to it.
type paper struct {
	resourcelock.Interface
	errs   []error // of the next readings; none: it is there
	record resourcelock.LeaderElectionRecord
}

func (p *paper) Identity() string { return "me" }
func (p *paper) Describe() string { return "ops/lease" }

func (p *paper) Get(context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if len(p.errs) > 0 {
		err := p.errs[0]
		p.errs = p.errs[1:]
		return nil, nil, err
	}
	return &p.record, nil, nil
}

func (p *paper) Update(_ context.Context, record resourcelock.LeaderElectionRecord) error {
	p.record = record
	return nil
}

func TestALeaseIsNotReleasedWhileAnythingIsOnItsWay(t *testing.T) {
	on := &paper{}
	working := true
	l := &lease{Interface: on, log: (&lines{}).logger(), away: func() {}, working: func() bool { return working }}
	if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "me"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{}); !errors.Is(err, errWorking) || on.record.HolderIdentity != "me" {
		t.Errorf("error %v, held by %q; want that it is kept", err, on.record.HolderIdentity)
	}
	working = false
	if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{}); err != nil || on.record.HolderIdentity != "" {
		t.Errorf("error %v, held by %q; want that it is released", err, on.record.HolderIdentity)
	}
}

func TestALeaseThatAnotherHasTakenIsNotReleased(t *testing.T) {
	on := &paper{}
	l := &lease{Interface: on, log: (&lines{}).logger(), away: func() {}, working: func() bool { return false }}
	if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "me"}); err != nil {
		t.Fatal(err)
	}
	on.record.HolderIdentity = "you" // after it was not renewed in time
	if _, _, err := l.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{}); !errors.Is(err, errTaken) || on.record.HolderIdentity != "you" {
		t.Errorf("error %v, held by %q; want that the other keeps it", err, on.record.HolderIdentity)
	}
}

func TestALeaseThatCannotBeReadIsTriedAgainAndToldOfOnce(t *testing.T) {
	forbidden := apierrors.NewForbidden(schema.GroupResource{Group: "coordination.k8s.io", Resource: "leases"}, "lease", errors.New("no"))
	log, asked := &lines{}, 0
	on := &paper{errs: []error{forbidden, errors.New("connection refused"), forbidden}}
	on.record.HolderIdentity = "other"
	l := &lease{Interface: on, log: log.logger(), away: func() { asked++ }, every: 1}
	if _, _, err := l.Get(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(log.all) != 2 || asked != 1 {
		t.Errorf("lines %q, and the API server was looked at %d times; want one of the trouble, one of its end, and 1", log.all, asked)
	}
	if state, err := l.state(); err != nil || state != "stands by; other leads" {
		t.Errorf("readyz says %q, %v", state, err)
	}
}

func TestALeaseThatIsHeldIsNotInsistedOn(t *testing.T) {
	on := &paper{errs: []error{errors.New("connection refused")}}
	l := &lease{Interface: on, log: (&lines{}).logger(), away: func() {}, working: func() bool { return false }}
	if err := l.Update(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "me"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.Get(t.Context()); err == nil { // the library counts the time until it gives up
		t.Error("the error was kept from the library")
	}
}
