package manifests

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql/parser"
	_ "sigs.k8s.io/controller-runtime/pkg/controller" // registers its metrics
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/sagas-dev/saga-operator/internal/dispatch"
	"github.com/sagas-dev/saga-operator/internal/telemetry"
)

// targetLabels are those that Prometheus gives to all that it reads from a pod.
var targetLabels = []string{"namespace", "job", "pod", "instance", "service", "endpoint", "container"}

// exported are the labels of each metric of the manager, by its name.
var exported = registered()

var described = regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)

func registered() map[string][]string {
	telemetry.NewMetrics(metrics.Registry, "test")
	telemetry.NewSagas(metrics.Registry)
	telemetry.Unsettled(metrics.Registry, func() (int, int64) { return 0, 0 })
	dispatch.NewMetrics(metrics.Registry)
	all := map[string][]string{}
	registry, ok := metrics.Registry.(prometheus.Collector)
	if !ok {
		return all
	}
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		registry.Describe(descriptions)
	}()
	for description := range descriptions {
		if found := described.FindStringSubmatch(description.String()); found != nil {
			all[found[1]] = slices.DeleteFunc(strings.Split(found[2], ","), func(label string) bool { return label == "" })
		}
	}
	return all
}

// labelsOf returns the labels of a metric as queries name it, and whether it exists.
func labelsOf(name string) ([]string, bool) {
	if labels, found := exported[name]; found {
		return labels, true
	}
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		if base, cut := strings.CutSuffix(name, suffix); cut {
			if labels, found := exported[base]; found {
				return append(slices.Clone(labels), "le"), true
			}
		}
	}
	return nil, false
}

// judge parses a query. It returns what is wrong with it, and the labels that its result may have.
func judge(query string) (problems []string, labels []string) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		return []string{err.Error()}, nil
	}
	known, grouped := slices.Clone(targetLabels), []string{}
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			labels, found := labelsOf(selector.Name)
			if !found {
				problems = append(problems, "no metric "+selector.Name)
			}
			for _, matcher := range selector.LabelMatchers {
				if matcher.Name != "__name__" && !slices.Contains(labels, matcher.Name) && !slices.Contains(targetLabels, matcher.Name) {
					problems = append(problems, selector.Name+" has no label "+matcher.Name)
				}
			}
			known = append(known, labels...)
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.AggregateExpr:
			grouped = append(grouped, node.Grouping...)
		case *parser.BinaryExpr:
			if node.VectorMatching != nil {
				grouped = append(grouped, node.VectorMatching.MatchingLabels...)
			}
		}
		return nil
	})
	for _, label := range grouped {
		if !slices.Contains(known, label) {
			problems = append(problems, "no metric of it has the label "+label)
		}
	}
	if len(grouped) > 0 {
		return problems, grouped
	}
	return problems, known
}

func TestTheMetricsOfTheManagerAreKnownHere(t *testing.T) {
	for _, name := range []string{
		"saga_ended_total", "saga_outbox_messages", "saga_replies_unsettled_messages", "saga_clock_offset_seconds",
		"controller_runtime_reconcile_total", "workqueue_depth", "rest_client_requests_total", "leader_election_master_status",
		"process_resident_memory_bytes",
	} {
		if _, found := exported[name]; !found {
			t.Errorf("%s is not among %v", name, slices.Sorted(maps.Keys(exported)))
		}
	}
	if labels := exported["saga_step_attempt_duration_seconds"]; !slices.Equal(labels, []string{"direction", "outcome"}) {
		t.Errorf("labels of saga_step_attempt_duration_seconds: %q", labels)
	}
}

func TestQueriesThatAskForNothingAreFound(t *testing.T) {
	for query, want := range map[string]string{
		`sum(saga_ended_totals)`:                                     "no metric saga_ended_totals",
		`saga_ended_total{outcome="Completed"}`:                      "saga_ended_total has no label outcome",
		`sum by (outcome) (rate(saga_ended_total[5m]))`:              "no metric of it has the label outcome",
		`rate(saga_duration_seconds_buckets[5m])`:                    "no metric saga_duration_seconds_buckets",
		`sum by (phase (saga_ended_total)`:                           "parse error",
		`saga_outbox_messages and on (phase) saga_build_info`:        "no metric of it has the label phase",
		`histogram_quantile(0.9, sum(saga_outbox_messages) by (le))`: "no metric of it has the label le",
	} {
		problems, _ := judge(query)
		if !strings.Contains(strings.Join(problems, "\n"), want) {
			t.Errorf("%s: %q; want %q", query, problems, want)
		}
	}
}
