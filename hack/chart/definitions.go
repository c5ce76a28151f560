package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// keep is what the definitions carry beside what controller-gen writes: uninstalling must not delete them, since the API
// server would delete every saga with them.
const keep = "    helm.sh/resource-policy: keep\n"

const definitionsFolder = "charts/crds/templates"

// definitions writes the CustomResourceDefinitions: those that are always needed into the sub-chart, which has one switch,
// and that of orders, which has a second one, into the chart itself, since a sub-chart does not see its parent's values.
func (t tree) definitions() error {
	sources, err := t.files("crd/bases/*.yaml")
	if err != nil {
		return err
	}
	if len(sources) == 0 {
		return fmt.Errorf("there are none in %s", t.config)
	}
	if err := os.RemoveAll(filepath.Join(t.chart, definitionsFolder)); err != nil {
		return fmt.Errorf("removing old ones: %w", err)
	}
	for _, source := range sources {
		raw, err := os.ReadFile(source)
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		text, err := kept(string(raw))
		if err != nil {
			return fmt.Errorf("%s: %w", source, err)
		}
		name := filepath.Base(source)
		if strings.Contains(name, "orderworkflows") {
			err = t.write("templates/crd-orderworkflows.yaml",
				header+"{{- if and .Values.crds.enabled .Values.orderWorkflows.enabled }}\n"+text+"{{- end }}\n")
		} else {
			err = t.write(filepath.Join(definitionsFolder, name), header+text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// kept adds labels and the annotation.
func kept(text string) (string, error) {
	const annotations = "\n  annotations:\n"
	before, after, found := strings.Cut(strings.TrimPrefix(text, "---\n"), annotations)
	if !found {
		return "", fmt.Errorf("there are no annotations to add to")
	}
	return escaped(before + annotations + keep + labelled(after)), nil
}

// labelled inserts labels after the annotations, which name follows.
func labelled(text string) string {
	return strings.Replace(text, "\n  name: ", "\n  labels:\n    app.kubernetes.io/part-of: "+ownName+"\n  name: ", 1)
}
