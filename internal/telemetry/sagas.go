package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Sagas measures what became of sagas. A nil Sagas measures nothing.
type Sagas struct {
	ended   *prometheus.CounterVec
	waits   prometheus.Counter
	lasted  *prometheus.HistogramVec
	stepped *prometheus.HistogramVec
}

// NewSagas returns the metrics, registered with r.
func NewSagas(r prometheus.Registerer) *Sagas {
	m := &Sagas{
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "saga", Name: "ended_total", Help: "Sagas that have ended, by their final phase.",
		}, []string{"phase"}),
		waits: prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "saga", Name: "interventions_total", Help: "Times that a saga began to wait for a person.",
		}),
		lasted: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "saga", Name: "duration_seconds", Help: "Time from a saga's start to its end, in seconds.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 16), // 1 s to 9 h; times are whole seconds
		}, []string{"phase"}),
		stepped: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "saga", Subsystem: "step", Name: "attempt_duration_seconds",
			Help:    "Time from the start of a step's last attempt to the answer that settled it, or to its end without one, in seconds.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12), // 1 s to 34 min; times are whole seconds
		}, []string{"direction", "outcome"}),
	}
	r.MustRegister(m.ended, m.waits, m.lasted, m.stepped)
	return m
}

// Stored measures a status that was stored, compared with the one before. It is called after the write, so that a
// repeated decision counts once.
func (m *Sagas) Stored(before, after v1alpha1.SagaStatus) {
	if m == nil {
		return
	}
	if before.Phase != after.Phase && (after.EndTime != nil || after.Phase == v1alpha1.PhaseRejected) {
		m.ended.WithLabelValues(string(after.Phase)).Inc()
		if after.EndTime != nil && after.StartTime != nil {
			m.lasted.WithLabelValues(string(after.Phase)).Observe(after.EndTime.Sub(after.StartTime.Time).Seconds())
		}
	}
	m.waits.Add(float64(max(after.Interventions-before.Interventions, 0)))
	for i := range after.Steps {
		var old v1alpha1.StepStatus
		if i < len(before.Steps) {
			old = before.Steps[i]
		}
		m.exchange("forward", old.Action, after.Steps[i].Action)
		m.exchange("backward", old.Compensation, after.Steps[i].Compensation)
	}
}

// exchange measures one that has ended with this write.
func (m *Sagas) exchange(direction string, before, after *v1alpha1.Exchange) {
	if after == nil || after.EndTime == nil || after.StartTime == nil || before != nil && before.EndTime != nil {
		return
	}
	took := max(after.EndTime.Sub(after.StartTime.Time), time.Duration(0))
	m.stepped.WithLabelValues(direction, string(after.Outcome)).Observe(took.Seconds())
}
