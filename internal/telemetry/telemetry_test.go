package telemetry

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

func TestALogLineIsOneObjectWithoutAStackTrace(t *testing.T) {
	var out strings.Builder
	NewLogger(&out, "info", "json").WithName("topics").Error(errors.New("no broker"), "Looking for topics", "installation", "a")
	var line map[string]any
	if err := json.Unmarshal([]byte(out.String()), &line); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	if line["level"] != "ERROR" || line["err"] != "no broker" || line["msg"] != "Looking for topics" || line["logger"] != "topics" || line["installation"] != "a" {
		t.Errorf("line %v", line)
	}
	if strings.Contains(out.String(), ".go:") {
		t.Errorf("a stack trace: %s", out.String())
	}
}

func TestTheLevelSaysWhatIsLogged(t *testing.T) {
	for level, want := range map[string]string{"debug": "DEBUG INFO ERROR", "info": "INFO ERROR", "error": "ERROR"} {
		var out strings.Builder
		log := NewLogger(&out, level, "text")
		log.V(1).Info("detail")
		log.Info("ordinary")
		log.Error(nil, "bad")
		var levels []string
		for _, line := range strings.Split(strings.TrimSpace(out.String()), "\n") {
			_, rest, _ := strings.Cut(line, "level=")
			level, _, _ := strings.Cut(rest, " ")
			levels = append(levels, level)
		}
		if got := strings.Join(levels, " "); got != want {
			t.Errorf("%s shows %s; want %s", level, got, want)
		}
	}
}

func TestTheMetricsSayWhatTheyAreTold(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry, "v1.2.3")
	Unsettled(registry, func() (int, int64) { return 3, 100 })
	m.Clock(-1500 * time.Millisecond)
	m.Dead("BadToken")
	m.Dead("BadToken")
	m.PositionReset()
	served := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(served, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, line := range []string{
		`saga_build_info{version="v1.2.3"} 1`,
		`saga_clock_offset_seconds -1.5`,
		`saga_replies_dead_lettered_total{reason="BadToken"} 2`,
		`saga_replies_position_resets_total 1`,
		`saga_replies_unsettled_messages 3`,
	} {
		if !strings.Contains(served.Body.String(), "\n"+line+"\n") {
			t.Errorf("no line %s in\n%s", line, served.Body.String())
		}
	}
}
