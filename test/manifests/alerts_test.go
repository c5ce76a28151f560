package manifests

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// alert is a rule of a PrometheusRule.
type alert struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func alerts(t testing.TB) []alert {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root(t), "config", "monitoring", "alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var rule struct {
		Spec struct {
			Groups []struct {
				Rules []alert `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(parse(t, raw)[0].Object, &rule); err != nil {
		t.Fatal(err)
	}
	if len(rule.Spec.Groups) != 1 || len(rule.Spec.Groups[0].Rules) == 0 {
		t.Fatalf("alerts.yaml has %d groups", len(rule.Spec.Groups))
	}
	return rule.Spec.Groups[0].Rules
}

var mentionedLabel = regexp.MustCompile(`\$labels\.([a-z_]+)`)

func TestAlertsAskForWhatTheManagerExports(t *testing.T) {
	for _, alert := range alerts(t) {
		problems, labels := judge(alert.Expr)
		for _, problem := range problems {
			t.Errorf("%s: %s", alert.Alert, problem)
		}
		for _, label := range mentionedLabel.FindAllStringSubmatch(alert.Annotations["description"], -1) {
			if !slices.Contains(labels, label[1]) {
				t.Errorf("%s speaks of the label %s, which it does not have", alert.Alert, label[1])
			}
		}
	}
}

func TestAlertsSayWhatIsWrongAndHowUrgentItIs(t *testing.T) {
	for _, alert := range alerts(t) {
		if severity := alert.Labels["severity"]; severity != "warning" && severity != "critical" {
			t.Errorf("%s has the severity %q", alert.Alert, severity)
		}
		if alert.Annotations["summary"] == "" || alert.Annotations["description"] == "" {
			t.Errorf("%s does not say what it means", alert.Alert)
		}
		if alert.For != "" {
			if pending, err := model.ParseDuration(alert.For); err != nil || time.Duration(pending) > time.Hour {
				t.Errorf("%s waits for %q: %v", alert.Alert, alert.For, err)
			}
		}
	}
}

// variables are Grafana's, and what stands for them here.
var variables = strings.NewReplacer("$__rate_interval", "5m", "$__range", "6h", "$__interval", "1m")

var labelValues = regexp.MustCompile(`^label_values\((.+), *([a-z_]+)\)$`)

func TestDashboardsAskForWhatTheManagerExports(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(root(t), "config", "monitoring", "dashboards", "*.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no dashboards: %v", err)
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var dashboard map[string]any
		if err := json.Unmarshal(raw, &dashboard); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		checkPanels(t, dashboard)
		checkVariables(t, dashboard)
	}
}

func checkPanels(t *testing.T, dashboard map[string]any) {
	t.Helper()
	queries := 0
	for _, panel := range tables(t, dashboard, "panels") {
		for _, target := range tables(t, panel, "targets") {
			queries++
			expr, _ := target["expr"].(string)
			legend, _ := target["legendFormat"].(string)
			problems, labels := judge(variables.Replace(expr))
			for _, problem := range problems {
				t.Errorf("%v: %s", panel["title"], problem)
			}
			for _, label := range regexp.MustCompile(`\{\{([a-z_]+)\}\}`).FindAllStringSubmatch(legend, -1) {
				if !slices.Contains(labels, label[1]) {
					t.Errorf("%v: the legend names %s, which the query does not have", panel["title"], label[1])
				}
			}
		}
	}
	if queries == 0 {
		t.Error("the dashboard asks for nothing")
	}
}

func checkVariables(t *testing.T, dashboard map[string]any) {
	t.Helper()
	templating, _ := dashboard["templating"].(map[string]any)
	for _, variable := range tables(t, templating, "list") {
		if variable["type"] != "query" {
			continue
		}
		parts := labelValues.FindStringSubmatch(variable["definition"].(string))
		if parts == nil {
			t.Errorf("%v: not understood: %v", variable["name"], variable["definition"])
			continue
		}
		problems, labels := judge(parts[1])
		if len(problems) > 0 || !slices.Contains(labels, parts[2]) {
			t.Errorf("%v: %v, labels %v", variable["name"], problems, labels)
		}
	}
}

func tables(t *testing.T, from map[string]any, field string) []map[string]any {
	t.Helper()
	list, _, err := unstructured.NestedSlice(from, field)
	if err != nil {
		t.Fatal(err)
	}
	var all []map[string]any
	for _, item := range list {
		all = append(all, item.(map[string]any))
	}
	return all
}
