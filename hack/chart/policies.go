package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// markSelector stands where matchNamespaces comes.
const markSelector = "XX-NAMESPACES-XX"

// matchNamespaces is what a release that watches some namespaces adds to a binding.
const matchNamespaces = `  {{- if .Values.watch.namespaces }}
  matchResources:
    namespaceSelector:
      matchExpressions:
      - key: kubernetes.io/metadata.name
        operator: In
        values:
        {{- toYaml .Values.watch.namespaces | nindent 8 }}
  {{- end }}
`

// policies writes the admission policies and their bindings. A release that watches some namespaces judges only these.
func (t tree) policies() error {
	sources, err := t.files("policies/*.yaml")
	if err != nil {
		return err
	}
	var documents []string
	for _, source := range sources {
		if filepath.Base(source) == "kustomization.yaml" {
			continue
		}
		objects, err := readObjects(source)
		if err != nil {
			return err
		}
		for _, o := range objects {
			document, err := policyTemplate(o)
			if err != nil {
				return fmt.Errorf("%s: %w", source, err)
			}
			documents = append(documents, document)
		}
	}
	return t.write("templates/policies.yaml", gated(".Values.policies.enabled", documents))
}

func policyTemplate(o object) (string, error) {
	o, err := renamed(o)
	if err != nil {
		return "", err
	}
	switch o["kind"] {
	case "ValidatingAdmissionPolicy":
		return templated(o)
	case "ValidatingAdmissionPolicyBinding":
		return bindingTemplate(o)
	}
	return "", fmt.Errorf("a %v is no policy", o["kind"])
}

func bindingTemplate(binding object) (string, error) {
	spec, ok := binding["spec"].(object)
	if !ok {
		return "", fmt.Errorf("a binding has no spec")
	}
	name, err := markedName(spec["policyName"])
	if err != nil {
		return "", err
	}
	spec["policyName"] = name
	if spec["matchResources"] != nil {
		return "", fmt.Errorf("the binding %s has matchResources, which the chart sets", name)
	}
	spec["matchResources"] = object{markSelector: ""}
	text, err := templated(binding)
	if err != nil {
		return "", err
	}
	const mark = "  matchResources:\n    " + markSelector + ": \"\"\n"
	if !strings.Contains(text, mark) {
		return "", fmt.Errorf("the binding %s has no place for its namespaces", name)
	}
	return strings.Replace(text, mark, matchNamespaces, 1), nil
}
