package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// alone is for managers without company: one that was killed is replaced at once.
var alone = []string{"--leader-elect=false", "--metrics-bind-address=0"}

// rivals is for managers that compete: a lease that expires soon.
var rivals = []string{
	"--metrics-bind-address=0", "--leader-election-namespace=default", "--leader-election-lease-duration=3s",
	"--leader-election-renew-deadline=2s", "--leader-election-retry-period=500ms",
}

// set sets a stage on a broker, or skips: these tests take minutes.
func set(t *testing.T, broker string, latency time.Duration) *stage.Stage {
	t.Helper()
	name := kafkatest.Name("faults")
	return setWith(t, stage.Options{Broker: broker, Installation: name, Topics: name + ".", Latency: latency})
}

// setWith sets a stage in a directory of its own.
func setWith(t *testing.T, o stage.Options) *stage.Stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "saga-faults-") //nolint:usetesting // logs must outlive a failed test
	if err != nil {
		t.Fatal(err)
	}
	o.Dir, o.NoFsync, o.Failed = dir, true, func(err error) { t.Logf("a process ended: %v", err) }
	s, err := stage.Set(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Strike(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("logs and data are in %s", dir)
			return
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return s
}

func slow(t *testing.T) {
	t.Helper()
	if os.Getenv("FAULTS") == "" {
		t.Skip("takes minutes: set FAULTS=1, or run make test-faults")
	}
}

// aside is for a slow test that mostly waits, for leases, timeouts and restarts: it runs beside others of its kind. Those that
// measure, or are after what happens under load, run alone.
func aside(t *testing.T) {
	t.Helper()
	slow(t)
	t.Parallel()
}

// broker returns the broker that the environment names, else one of the test's own.
func broker(t *testing.T) string {
	t.Helper()
	if brokers := os.Getenv("KAFKA_BROKERS"); brokers != "" {
		return brokers
	}
	return kafkatest.StartApache(t, t.TempDir(), kafkatest.FreePort(t)).Addr()
}

// orders makes n orders, spread over a time; each fifth will be declined.
func orders(ctx context.Context, s *stage.Stage, n int, over time.Duration) error {
	for i := range n {
		if err := s.Client.Create(ctx, stage.Order(orderName(i), declined(i))); err != nil {
			return fmt.Errorf("making order %d: %w", i, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(over / time.Duration(n)):
		}
	}
	return nil
}

func orderName(i int) string                   { return fmt.Sprintf("order-%03d", i) }
func declined(i int) bool                      { return i%5 == 4 }
func between(a, b time.Duration) time.Duration { return a + rand.N(b-a) }

// ended waits until every order has ended, and says how each did.
func ended(t *testing.T, s *stage.Stage, n int, within time.Duration) {
	t.Helper()
	deadline := time.Now().Add(within)
	var left []string
	for time.Now().Before(deadline) {
		var list v1alpha1.SagaList
		if err := s.Client.List(t.Context(), &list, client.InNamespace(stage.Shop)); err != nil {
			t.Fatal(err)
		}
		left = nil
		for _, saga := range list.Items {
			if phase := saga.Status.Phase; phase != v1alpha1.PhaseCompleted && phase != v1alpha1.PhaseCompensated {
				left = append(left, fmt.Sprintf("%s %s, waiting for %s", saga.Name, phase, saga.Status.WaitingFor))
			}
		}
		if len(list.Items) == n && len(left) == 0 {
			judge(t, list.Items)
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Fatalf("%d orders have not ended after %s: %v", len(left), within, left[:min(len(left), 5)])
}

// judge checks that exactly the declined orders were undone: nothing went backward because of what was killed.
func judge(t *testing.T, sagas []v1alpha1.Saga) {
	t.Helper()
	for _, saga := range sagas {
		var i int
		if _, err := fmt.Sscanf(saga.Name, "order-%d", &i); err != nil {
			t.Fatal(err)
		}
		want := v1alpha1.PhaseCompleted
		if declined(i) {
			want = v1alpha1.PhaseCompensated
		}
		if saga.Status.Phase != want {
			t.Errorf("%s is %s, cause %+v", saga.Name, saga.Status.Phase, saga.Status.Cause)
		}
	}
}

func balanced(t *testing.T, s *stage.Stage) {
	t.Helper()
	out, err := s.Books(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func get(t *testing.T, s *stage.Stage, name string) *v1alpha1.Saga {
	t.Helper()
	saga := &v1alpha1.Saga{}
	if err := s.Client.Get(t.Context(), types.NamespacedName{Namespace: stage.Shop, Name: name}, saga); err != nil {
		t.Fatal(err)
	}
	return saga
}
