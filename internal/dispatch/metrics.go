package dispatch

import "github.com/prometheus/client_golang/prometheus"

// Metrics of an Outbox. A nil Metrics measures nothing.
type Metrics struct {
	depth *prometheus.GaugeVec
	total *prometheus.CounterVec
	lost  prometheus.Counter
}

// NewMetrics returns the metrics, registered with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		depth: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Namespace: "saga", Subsystem: "outbox", Name: "messages",
			Help: "Messages that the broker has not acknowledged yet.",
		}, []string{"direction"}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "saga", Subsystem: "outbox", Name: "acknowledged_total",
			Help: "Messages that the broker has acknowledged.",
		}, []string{"direction"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "saga", Subsystem: "outbox", Name: "lost_total",
			Help: "Events of delivery AtMostOnce that the broker did not acknowledge in their one try.",
		}),
	}
	r.MustRegister(m.depth, m.total, m.lost)
	return m
}

func (m *Metrics) queued(backward bool, n float64) {
	if m != nil {
		m.depth.WithLabelValues(direction(backward)).Add(n)
	}
}

func (m *Metrics) sent(backward bool) {
	if m != nil {
		m.total.WithLabelValues(direction(backward)).Inc()
	}
}

func (m *Metrics) lostOnce() {
	if m != nil {
		m.lost.Inc()
	}
}

func direction(backward bool) string {
	if backward {
		return "backward"
	}
	return "forward"
}
