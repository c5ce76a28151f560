// Command chart writes what the Helm chart has in common with config/: resource definitions, permissions, policies, alerts
// and dashboards, and the table of values in the chart's README. `make generate` runs it.
//
//	go run ./hack/chart [--root DIR]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root := flag.String("root", ".", "root of the source tree")
	flag.Parse()
	if err := generate(*root); err != nil {
		fmt.Fprintf(os.Stderr, "chart: %v\n", err)
		os.Exit(1)
	}
}

// tree is where is read from and written to.
type tree struct{ config, chart string }

// generate writes the generated files of the chart below root, and removes those whose source is gone.
func generate(root string) error {
	t := tree{config: filepath.Join(root, "config"), chart: filepath.Join(root, "charts", "saga-operator")}
	for _, part := range []struct {
		name string
		make func() error
	}{
		{"resource definitions", t.definitions},
		{"permissions", t.permissions},
		{"policies", t.policies},
		{"alerts", t.alerts},
		{"dashboards", t.dashboards},
		{"values", t.values},
	} {
		if err := part.make(); err != nil {
			return fmt.Errorf("generating %s: %w", part.name, err)
		}
	}
	return nil
}

// write writes a file of the chart, given by its path there.
func (t tree) write(path, text string) error {
	full := filepath.Join(t.chart, path)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return fmt.Errorf("making the folder of %s: %w", path, err)
	}
	if err := os.WriteFile(full, []byte(text), 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// files lists what matches a pattern in config/, in alphabetical order.
func (t tree) files(pattern string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(t.config, pattern))
	if err != nil {
		return nil, fmt.Errorf("looking for %s: %w", pattern, err)
	}
	return found, nil
}
