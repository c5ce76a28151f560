package main

import (
	"context"
	"fmt"
	"net/http"
	"syscall"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// costs are CPU seconds since each process started, which the processes' metrics take from /proc.
type costs struct {
	manager, apiServer, etcd float64
	bench                    float64 // clients, participants and, where it is embedded, the broker
}

func (c costs) since(before costs) costs {
	return costs{c.manager - before.manager, c.apiServer - before.apiServer, c.etcd - before.etcd, c.bench - before.bench}
}

func (c costs) sum() float64 { return c.manager + c.apiServer + c.etcd + c.bench }

const cpuSeconds = "process_cpu_seconds_total"

// costs returns what all processes have used so far.
func (b *bench) costs(ctx context.Context) (costs, error) {
	manager, err := b.managerMetrics(ctx)
	if err != nil {
		return costs{}, err
	}
	c, err := b.bareCosts(ctx)
	c.manager = sum(manager[cpuSeconds])
	return c, err
}

// bareCosts is the same without a manager.
func (b *bench) bareCosts(ctx context.Context) (c costs, err error) {
	apiServer, err := b.Plane.Metrics(ctx)
	if err != nil {
		return c, err
	}
	etcd, err := b.Plane.EtcdMetrics(ctx)
	if err != nil {
		return c, err
	}
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		return c, fmt.Errorf("asking for this process's CPU time: %w", err)
	}
	used := time.Duration(own.Utime.Nano() + own.Stime.Nano())
	return costs{apiServer: sum(apiServer[cpuSeconds]), etcd: sum(etcd[cpuSeconds]), bench: used.Seconds()}, nil
}

// managerMetrics returns the manager's metrics by name.
func (b *bench) managerMetrics(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+b.Metrics+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("reading the manager's metrics: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end, or the error is returned
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the manager's metrics: %w", err)
	}
	return families, nil
}

// rss is the manager's resident memory now, in bytes.
func (b *bench) rss(ctx context.Context) (float64, error) {
	families, err := b.managerMetrics(ctx)
	return sum(families["process_resident_memory_bytes"]), err
}

// reconciles is how often each controller of the manager has reconciled since it started.
func (b *bench) reconciles(ctx context.Context) (map[string]int, error) {
	families, err := b.managerMetrics(ctx)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for _, metric := range families["controller_runtime_reconcile_total"].GetMetric() {
		for _, label := range metric.GetLabel() {
			if label.GetName() == "controller" {
				counts[label.GetValue()] += int(metric.GetCounter().GetValue())
			}
		}
	}
	return counts, nil
}

// sum adds up a counter or gauge over its labels; a family that is not there is 0.
func sum(family *dto.MetricFamily) float64 {
	total := 0.0
	for _, metric := range family.GetMetric() {
		total += metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
	}
	return total
}
