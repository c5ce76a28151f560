package faults

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

const manyOrders = 200

func TestTheManagerIsKilledFiftyTimesWhileOrdersAreInFlight(t *testing.T) {
	slow(t)
	s := set(t, broker(t), 50*time.Millisecond)
	failed := make(chan error, 1)
	go func() { failed <- orders(t.Context(), s, manyOrders, 75*time.Second) }()
	for i := range 50 {
		if err := s.StartManager("manager", alone...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(between(300*time.Millisecond, 3*time.Second))
		if pids := s.Crew.Kill("manager"); len(pids) != 1 {
			t.Fatalf("the manager was not there to be killed, the %d. time", i+1)
		}
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	if err := s.StartManager("manager", alone...); err != nil {
		t.Fatal(err)
	}
	ended(t, s, manyOrders, 2*time.Minute)
	balanced(t, s)
}

func TestTwoManagersFightOverALeaseThatExpires(t *testing.T) {
	slow(t)
	s := set(t, broker(t), 50*time.Millisecond)
	names := []string{"manager-a", "manager-b"}
	for _, name := range names {
		if err := s.StartManager(name, rivals...); err != nil {
			t.Fatal(err)
		}
	}
	failed := make(chan error, 1)
	go func() { failed <- orders(t.Context(), s, manyOrders, 50*time.Second) }()
	for i := range 10 {
		// Frozen for longer than the lease, it wakes as a zombie that believes to be the leader; then it ends itself.
		name := names[i%2]
		s.Crew.Signal(name, syscall.SIGSTOP)
		time.Sleep(between(4*time.Second, 6*time.Second))
		s.Crew.Signal(name, syscall.SIGCONT)
		time.Sleep(between(500*time.Millisecond, time.Second))
		s.Crew.Kill(name)
		if err := s.StartManager(name, rivals...); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	ended(t, s, manyOrders, 2*time.Minute)
	balanced(t, s)
}

func TestTheBrokerIsKilledTenTimesAndNothingGoesBackward(t *testing.T) {
	slow(t)
	apache := kafkatest.StartApache(t, t.TempDir(), kafkatest.FreePort(t))
	s := set(t, apache.Addr(), 50*time.Millisecond)
	if err := s.StartManager("manager", alone...); err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() { failed <- orders(t.Context(), s, manyOrders, 60*time.Second) }()
	for range 10 {
		time.Sleep(between(time.Second, 3*time.Second))
		apache.Kill(t)
		time.Sleep(between(500*time.Millisecond, 3*time.Second))
		apache.Restart(t)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	ended(t, s, manyOrders, 4*time.Minute)
	balanced(t, s)
}

func TestTheServicesAreKilledWhileOrdersAreInFlight(t *testing.T) {
	slow(t)
	s := set(t, broker(t), 50*time.Millisecond)
	if err := s.StartManager("manager", alone...); err != nil {
		t.Fatal(err)
	}
	const n = 60
	failed := make(chan error, 1)
	go func() { failed <- orders(t.Context(), s, n, 15*time.Second) }()
	for range 5 {
		time.Sleep(between(time.Second, 3*time.Second))
		if pids := s.Crew.Kill("inventory", "payment", "shipping"); len(pids) != 3 {
			t.Fatal(fmt.Errorf("only %d services were there to be killed", len(pids)))
		}
		if err := s.StartServices(); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	ended(t, s, n, 2*time.Minute)
	balanced(t, s)
}
