package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"k8s.io/client-go/rest"
)

// Request is one kind of request, as apiserver_request_total tells them apart. Verb is in capitals: GET, LIST, WATCH,
// POST, PUT, PATCH, APPLY, DELETE, DELETECOLLECTION.
type Request struct {
	Verb, Group, Resource, Subresource, Code string
}

// Requests counts requests by kind.
type Requests map[Request]int

// Requests returns what the API server has answered since it started, all clients together.
func (c *ControlPlane) Requests(ctx context.Context) (Requests, error) {
	families, err := c.Metrics(ctx)
	if err != nil {
		return nil, err
	}
	requests := Requests{}
	for _, metric := range families["apiserver_request_total"].GetMetric() {
		labels := map[string]string{}
		for _, label := range metric.GetLabel() {
			labels[label.GetName()] = label.GetValue()
		}
		requests[Request{
			Verb: labels["verb"], Group: labels["group"], Resource: labels["resource"],
			Subresource: labels["subresource"], Code: labels["code"],
		}] += int(metric.GetCounter().GetValue())
	}
	return requests, nil
}

// Since returns what was counted after before, without kinds that did not change.
func (r Requests) Since(before Requests) Requests {
	since := Requests{}
	for request, count := range r {
		if more := count - before[request]; more > 0 {
			since[request] = more
		}
	}
	return since
}

// Count adds up the requests that match.
func (r Requests) Count(match func(Request) bool) int {
	total := 0
	for request, count := range r {
		if match(request) {
			total += count
		}
	}
	return total
}

// IsWrite says whether the request changed, or tried to change, an object.
func (r Request) IsWrite() bool {
	switch r.Verb {
	case "POST", "PUT", "PATCH", "APPLY", "DELETE", "DELETECOLLECTION":
		return true
	}
	return false
}

// Metrics returns the API server's metrics by name.
func (c *ControlPlane) Metrics(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	client, err := rest.HTTPClientFor(c.Config())
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return scrape(ctx, client, c.apiURL+"/metrics")
}

// EtcdMetrics returns etcd's metrics by name.
func (c *ControlPlane) EtcdMetrics(ctx context.Context) (map[string]*dto.MetricFamily, error) {
	return scrape(ctx, http.DefaultClient, c.etcdURL+"/metrics")
}

func scrape(ctx context.Context, client *http.Client, url string) (map[string]*dto.MetricFamily, error) {
	body, err := call(ctx, client, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("reading the metrics of %s: %w", url, err)
	}
	return families, nil
}

func call(ctx context.Context, client *http.Client, method, url string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("making a request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("calling %s: %w", url, err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end, or the error is returned
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("calling %s: %s: %s", url, response.Status, bytes.TrimSpace(answer))
	}
	return answer, nil
}
