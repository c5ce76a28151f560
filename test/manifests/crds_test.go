package manifests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// monitoringModule holds the definitions of ServiceMonitor and PrometheusRule.
const monitoringModule = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

// controlPlaneCRDs are the definitions that the control plane serves: ours, and those of the Prometheus operator.
func controlPlaneCRDs() ([]string, error) {
	cmd := exec.Command("go", "mod", "download", "-json", monitoringModule)
	cmd.Dir, cmd.Stderr = os.TempDir(), os.Stderr // outside of any module
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("downloading %s: %w", monitoringModule, err)
	}
	var module struct{ Dir string }
	if err := json.Unmarshal(out, &module); err != nil {
		return nil, fmt.Errorf("reading where %s is: %w", monitoringModule, err)
	}
	folder := filepath.Join(module.Dir, "example", "prometheus-operator-crd")
	return []string{
		filepath.Join("..", "..", "config", "crd", "bases"),
		filepath.Join(folder, "monitoring.coreos.com_servicemonitors.yaml"),
		filepath.Join(folder, "monitoring.coreos.com_prometheusrules.yaml"),
	}, nil
}
