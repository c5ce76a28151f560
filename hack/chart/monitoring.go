package main

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"
)

// alerts writes the groups of alerts. They are a file that a template includes as it is, since alerts are full of
// expressions that are Prometheus' and not Helm's.
func (t tree) alerts() error {
	objects, err := readObjects(filepath.Join(t.config, "monitoring", "alerts.yaml"))
	if err != nil {
		return err
	}
	if len(objects) != 1 || objects[0]["kind"] != "PrometheusRule" {
		return fmt.Errorf("alerts.yaml holds %d objects; want one PrometheusRule", len(objects))
	}
	spec, err := yaml.Marshal(objects[0]["spec"])
	if err != nil {
		return fmt.Errorf("writing as YAML: %w", err)
	}
	return t.write("files/alerts.yaml", string(spec))
}

// dashboards copies the Grafana dashboards.
func (t tree) dashboards() error {
	folder := filepath.Join(t.chart, "files", "dashboards")
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("removing old dashboards: %w", err)
	}
	sources, err := t.files("monitoring/dashboards/*.json")
	if err != nil {
		return err
	}
	for _, source := range sources {
		raw, err := os.ReadFile(source)
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		if err := t.write("files/dashboards/"+filepath.Base(source), string(raw)); err != nil {
			return err
		}
	}
	return nil
}
