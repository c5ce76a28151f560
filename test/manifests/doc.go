// Package manifests tests what gets installed: that the chart and kustomize make the same, that an API server takes it, that
// it is safe to run, and that alerts and dashboards ask for metrics which exist.
package manifests
