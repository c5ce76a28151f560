package trigger

import "github.com/prometheus/client_golang/prometheus"

// result is what became of an event.
type result string

const (
	resultStarted   result = "started"
	resultDuplicate result = "duplicate" // it had started something before
	resultPassed    result = "passed"    // it starts nothing
	resultRefused   result = "refused"   // it is on the dead-letter topic
)

// Metrics count what became of the events of all triggers.
type Metrics struct {
	events  *prometheus.CounterVec
	refused *prometheus.CounterVec
}

// NewMetrics returns the metrics, registered with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "saga", Subsystem: "trigger", Name: "events_total",
			Help: "Events that triggers have dealt with: started (a saga or order was made), duplicate (it was made before), passed (it starts nothing) or refused (dead-lettered).",
		}, []string{"result"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "saga", Subsystem: "trigger", Name: "dead_lettered_total",
			Help: "Events that triggers have sent to the dead-letter topic.",
		}, []string{"reason"}),
	}
	r.MustRegister(m.events, m.refused)
	for _, each := range []result{resultStarted, resultDuplicate, resultPassed, resultRefused} {
		m.event(each) // a counter that is there from the beginning shows its first rise
	}
	return m
}

func (m *Metrics) event(r result) prometheus.Counter { return m.events.WithLabelValues(string(r)) }

// dead counts a dead letter. reason is one of wire's.
func (m *Metrics) dead(reason string) { m.refused.WithLabelValues(reason).Inc() }

// Lag registers a gauge of what all triggers have not dealt with.
func Lag(r prometheus.Registerer, lag func() int64) {
	r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "saga", Subsystem: "trigger", Name: "lag_messages",
		Help: "Messages of all triggers' topics that are not dealt with, as counted within the last ten seconds.",
	}, func() float64 { return float64(lag()) }))
}
