package faults

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// company is managers with the timings that a manager has by itself, and where each says whether it is ready.
type company struct {
	t      *testing.T
	s      *stage.Stage
	health map[string]string
}

// start starts a manager of the company.
func (c *company) start(name string, more ...string) {
	c.t.Helper()
	address, err := stage.FreeAddress()
	if err != nil {
		c.t.Fatal(err)
	}
	c.health[name] = address
	flags := []string{"--metrics-bind-address=0", "--leader-election-namespace=default", "--health-probe-bind-address=" + address}
	err = c.s.StartManager(name, append(flags, more...)...)
	if err != nil {
		c.t.Fatal(err)
	}
}

// readyz returns what a manager says, and whether it is ready.
func (c *company) readyz(name string) (text string, ready bool) {
	response, err := http.Get("http://" + c.health[name] + "/readyz")
	if err != nil {
		return err.Error(), false
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error(), false
	}
	return string(raw), response.StatusCode == http.StatusOK
}

// await waits until a manager is ready and says that.
func (c *company) await(name, says string) {
	c.t.Helper()
	var text string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		var ready bool
		if text, ready = c.readyz(name); ready && strings.Contains(text, says) {
			return
		}
	}
	c.t.Fatalf("%s does not get ready with %q; it says:\n%s", name, says, text)
}

// pulse notes when any saga changes.
type pulse struct {
	mu    sync.Mutex
	beats []time.Time
}

// feel begins to note.
func feel(t *testing.T, s *stage.Stage) *pulse {
	t.Helper()
	watching, err := client.NewWithWatch(s.Plane.Config(), client.Options{Scheme: s.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	changes, err := watching.Watch(ctx, &v1alpha1.SagaList{}, client.InNamespace(stage.Shop))
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	p, over := &pulse{}, make(chan struct{})
	go func() {
		defer close(over)
		for change := range changes.ResultChan() {
			saga, ok := change.Object.(*v1alpha1.Saga)
			if !ok || saga.Status.Phase == "" || saga.Status.Phase == v1alpha1.PhasePending {
				continue // made by the test
			}
			p.mu.Lock()
			p.beats = append(p.beats, time.Now())
			p.mu.Unlock()
		}
	}()
	t.Cleanup(func() { cancel(); changes.Stop(); <-over })
	return p
}

// stillness is the longest time without a change since then.
func (p *pulse) stillness(since time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	longest, last := time.Duration(0), since
	for _, beat := range append(p.beats[:len(p.beats):len(p.beats)], time.Now()) {
		if beat.After(since) {
			longest, last = max(longest, beat.Sub(last)), beat
		}
	}
	return longest
}

func TestAnotherManagerTakesOverInTimeWithOrdersInFlight(t *testing.T) {
	slow(t)
	s := set(t, broker(t), 50*time.Millisecond)
	c := &company{t: t, s: s, health: map[string]string{}}
	c.start("manager-a")
	c.await("manager-a", "work: leads")
	c.start("manager-b")
	c.await("manager-b", "work: stands by; ") // ready, or no rolling upgrade would go on

	const n = 500
	beat := feel(t, s)
	failed := make(chan error, 1)
	go func() { failed <- orders(t.Context(), s, n, 100*time.Second) }()
	time.Sleep(3 * time.Second) // into full swing

	leader, other := "manager-a", "manager-b"
	for _, round := range []struct {
		signal syscall.Signal
		bound  time.Duration
	}{
		{syscall.SIGTERM, 5 * time.Second}, {syscall.SIGTERM, 5 * time.Second}, {syscall.SIGTERM, 5 * time.Second},
		{syscall.SIGKILL, 20 * time.Second}, {syscall.SIGKILL, 20 * time.Second},
	} {
		struck := time.Now()
		s.Crew.Signal(leader, round.signal)
		c.await(other, "work: leads")
		leads := time.Since(struck)
		time.Sleep(2 * time.Second) // what the new leader has to catch up with
		still := beat.stillness(struck)
		t.Logf("%s: another leads after %.1fs; the longest stillness was %.1fs (at most %s)", round.signal, leads.Seconds(), still.Seconds(), round.bound)
		if still > round.bound || leads > round.bound {
			t.Errorf("%s: another leads after %s, and nothing moved for %s; want at most %s", round.signal, leads, still, round.bound)
		}
		s.Crew.Kill(leader) // which has ended; or it had its time
		c.start(leader)
		c.await(leader, "work: stands by; ")
		leader, other = other, leader
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	ended(t, s, n, 3*time.Minute)
	balanced(t, s)
}
