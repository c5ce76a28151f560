package casetest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// outputRead is where an expression reads a key of a step's output: steps['charge'].output.id or steps.charge.output.id,
// also with optional selection.
var outputRead = regexp.MustCompile(`steps(?:\[\??['"]([-a-z0-9]+)['"]\]|\.([a-z0-9]+))\.\??output(?:\.\??([A-Za-z_][A-Za-z0-9_]*)|\[\??['"]([^'"]+)['"]\])`)

// readOf returns an output of the step that has the keys which the definition's expressions read of it, each with a text.
func readOf(def *v1alpha1.SagaDefinitionSpec, step string) ([]byte, error) {
	raw, err := json.Marshal(def)
	if err != nil {
		return nil, fmt.Errorf("reading the definition: %w", err)
	}
	output := map[string]string{}
	for _, found := range outputRead.FindAllStringSubmatch(strings.ReplaceAll(string(raw), `\"`, `"`), -1) {
		if found[1]+found[2] == step {
			key := found[3] + found[4]
			output[key] = key + "-of-" + step
		}
	}
	return json.Marshal(output)
}
