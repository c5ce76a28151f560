package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the manager's own, beside those of the packages that do its work.
type Metrics struct {
	clock *prometheus.GaugeVec
	dead  *prometheus.CounterVec
	reset prometheus.Counter
}

// NewMetrics returns the metrics, registered with r.
func NewMetrics(r prometheus.Registerer, version string) *Metrics {
	m := &Metrics{
		clock: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "saga", Subsystem: "clock", Name: "offset_seconds",
			Help: "How far this manager's clock is ahead of the API server's, at least, in seconds.",
		}, nil),
		dead: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "saga", Subsystem: "replies", Name: "dead_lettered_total",
			Help: "Replies and events of participants that went to the dead-letter topic.",
		}, []string{"reason"}),
		reset: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "saga", Subsystem: "replies", Name: "position_resets_total",
			Help: "Times that a position in the reply topic, or in one of events, did not exist any more, since the topic was made anew or its retention is too short.",
		}),
	}
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: "saga", Subsystem: "build", Name: "info", Help: "Always 1; the label says which version runs.",
	}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	r.MustRegister(m.clock, m.dead, m.reset, build)
	return m
}

// Clock takes in how far the clock is off.
func (m *Metrics) Clock(offset time.Duration) { m.clock.WithLabelValues().Set(offset.Seconds()) }

// Dead counts a dead letter. reason is one of wire's.
func (m *Metrics) Dead(reason string) { m.dead.WithLabelValues(reason).Inc() }

// PositionReset counts a position that was lost.
func (m *Metrics) PositionReset() { m.reset.Inc() }

// Unsettled registers a gauge of the replies that wait.
func Unsettled(r prometheus.Registerer, count func() (records int, bytes int64)) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "saga", Subsystem: "replies", Name: "unsettled_messages",
		Help: "Messages of the reply topic that have been read and whose effect is not stored yet.",
	}, func() float64 { records, _ := count(); return float64(records) }))
}

// UnsettledEvents registers a gauge of the events that wait.
func UnsettledEvents(r prometheus.Registerer, count func() (records int, bytes int64)) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "saga", Subsystem: "events", Name: "unsettled_messages",
		Help: "Events of participants that have been read and wait for a saga, or for its status to be stored.",
	}, func() float64 { records, _ := count(); return float64(records) }))
}

// PassedOver registers a counter of the events that are passed over, and returns what counts one. reason is one of the package
// events.
func PassedOver(r prometheus.Registerer) func(reason string) {
	passed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "saga", Subsystem: "events", Name: "passed_over_total",
		Help: "Messages from topics of events that no saga can use: Malformed, NoKey or Unclaimed.",
	}, []string{"reason"})
	r.MustRegister(passed)
	return func(reason string) { passed.WithLabelValues(reason).Inc() }
}
