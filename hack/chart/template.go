package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// header stands at the top of each generated template.
const header = "{{- /* Written by make generate from config/. Do not edit. */}}\n"

// What config/ says literally, and the chart by an expression.
const (
	ownName      = "saga-operator"
	ownNamespace = "saga-system"
	ownUser      = "system:serviceaccount:" + ownNamespace + ":" + ownName
)

// Marks in a marshalled object that become expressions. None of them needs quotes in YAML, nor occurs by chance.
const (
	markName      = "XX-FULLNAME-XX"
	markUser      = "XX-USER-XX"
	markNamespace = "XX-NAMESPACE-XX"
	markLabels    = "XX-LABELS-XX"
)

// object is a Kubernetes object as YAML has it.
type object = map[string]any

// readObjects reads all YAML documents of a file.
func readObjects(path string) ([]object, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	var objects []object
	for _, document := range bytes.Split(append([]byte("\n"), raw...), []byte("\n---")) {
		var o object
		if err := yaml.Unmarshal(document, &o); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		if len(o) > 0 {
			objects = append(objects, o)
		}
	}
	return objects, nil
}

// renamed returns the object with the release's name, labels and identity in place of those of config/. Errors: the name
// does not start with ours, so that two releases in one cluster would share it.
func renamed(o object) (object, error) {
	meta, ok := o["metadata"].(object)
	if !ok {
		return nil, fmt.Errorf("%v has no metadata", o["kind"])
	}
	name, err := markedName(meta["name"])
	if err != nil {
		return nil, fmt.Errorf("%v: %w", o["kind"], err)
	}
	meta["name"] = name
	labels, _ := meta["labels"].(object)
	if labels == nil {
		labels = object{}
	}
	for label := range labels {
		if strings.HasPrefix(label, "app.kubernetes.io/") {
			delete(labels, label)
		}
	}
	labels[markLabels] = ""
	meta["labels"] = labels
	return o, nil
}

func markedName(name any) (string, error) {
	text, ok := name.(string)
	if rest, found := strings.CutPrefix(text, ownName); ok && found && (rest == "" || rest[0] == '-') {
		return markName + rest, nil
	}
	return "", fmt.Errorf("the name %v does not start with %s", name, ownName)
}

// templated writes an object, or a part of one, as a template.
func templated(value any) (string, error) {
	raw, err := yaml.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("writing as YAML: %w", err)
	}
	text := strings.NewReplacer(ownUser, markUser, ownNamespace, markNamespace).Replace(string(raw))
	return strings.NewReplacer(
		"    "+markLabels+": \"\"\n", "    {{- include \"saga-operator.labels\" . | nindent 4 }}\n",
		markName, `{{ include "saga-operator.fullname" . }}`,
		markUser, `{{ include "saga-operator.user" . }}`,
		markNamespace, `{{ .Release.Namespace }}`,
	).Replace(escaped(text)), nil
}

// escaped has Helm print what it would otherwise evaluate.
func escaped(text string) string {
	return strings.NewReplacer("{{", `{{ "{{" }}`, "}}", `{{ "}}" }}`).Replace(text)
}
