package cli

import (
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Outputs that most commands know.
const (
	outputTable = ""
	outputWide  = "wide"
	outputJSON  = "json"
	outputYAML  = "yaml"
	outputName  = "name"
)

// sagaList is how several sagas are printed as one object, as kubectl does.
type sagaList struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Items      []v1alpha1.Saga `json:"items"`
}

// printSagas prints sagas as JSON, YAML or names; alone says that one was asked for, by name.
func printSagas(out io.Writer, sagas []v1alpha1.Saga, output string, alone bool) error {
	for i := range sagas {
		sagas[i].SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Saga"))
		sagas[i].ManagedFields = nil
	}
	var value any = sagaList{APIVersion: "v1", Kind: "List", Items: append([]v1alpha1.Saga{}, sagas...)}
	if alone && len(sagas) == 1 {
		value = sagas[0]
	}
	switch output {
	case outputJSON:
		return printJSON(out, value)
	case outputYAML:
		raw, err := yaml.Marshal(value)
		if err != nil {
			return fmt.Errorf("printing YAML: %w", err)
		}
		_, err = out.Write(raw)
		return err
	}
	for i := range sagas {
		fmt.Fprintf(out, "saga.%s/%s\n", v1alpha1.GroupVersion.Group, sagas[i].Name)
	}
	return nil
}
