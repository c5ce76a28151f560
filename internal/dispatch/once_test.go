package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sagas-dev/saga-operator/internal/kafka"
)

func TestWhatIsSentOnceIsTriedOnceAndLostWhereThatFails(t *testing.T) {
	var lost []string
	registry := prometheus.NewRegistry()
	o := newOffice(func(o *Options) {
		o.Metrics = NewMetrics(registry)
		o.Lost = func(_ Saga, item Item, err error) {
			lost = append(lost, fmt.Sprintf("%s: %t", item.ID, errors.Is(err, kafka.ErrUnavailable)))
		}
	})
	o.broker.trouble["away"] = kafka.ErrUnavailable
	o.Once(saga("x"), []Item{item("1", "t"), item("2", "away")})
	o.Flush(t.Context())
	delete(o.broker.trouble, "away")
	o.Flush(t.Context())
	o.expect(t, "1")
	if want := []string{"2: true"}; !slices.Equal(lost, want) || len(o.told) != 0 {
		t.Errorf("lost %v, want %v; told of %v", lost, want, o.told)
	}
	if got := valueOf(t, registry, "saga_outbox_lost_total"); got != 1 {
		t.Errorf("%v were counted as lost", got)
	}
}

func TestWhatIsSentOnceIsBoundedWhileNothingMayLeave(t *testing.T) {
	lost := 0
	o := newOffice(func(o *Options) { o.Lost = func(Saga, Item, error) { lost++ } })
	for i := range onceAtMost + 1 {
		o.Once(saga("x"), []Item{item(fmt.Sprint(i), "t")})
	}
	if lost != 1 {
		t.Errorf("%d were lost, want 1", lost)
	}
	o.Flush(t.Context())
	if got := len(o.broker.got()); got != onceAtMost {
		t.Errorf("%d were sent", got)
	}
}

func valueOf(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
