package controlplane

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// DatabaseBytes forgets the history of all objects and returns what etcd then needs for the objects that exist, in bytes,
// its indexes and page overhead included. It takes a while on a large database; no object is changed.
func (c *ControlPlane) DatabaseBytes(ctx context.Context) (int64, error) {
	revision, err := c.etcdRevision(ctx)
	if err != nil {
		return 0, err
	}
	compaction := map[string]any{"revision": revision, "physical": true}
	if err := c.etcdCall(ctx, "kv/compaction", compaction, nil); err != nil {
		return 0, err
	}
	if err := c.etcdCall(ctx, "maintenance/defragment", map[string]any{}, nil); err != nil {
		return 0, err
	}
	families, err := c.EtcdMetrics(ctx)
	if err != nil {
		return 0, err
	}
	const name = "etcd_mvcc_db_total_size_in_use_in_bytes"
	metrics := families[name].GetMetric()
	if len(metrics) != 1 {
		return 0, fmt.Errorf("etcd reports %d values of %s, not 1", len(metrics), name)
	}
	return int64(metrics[0].GetGauge().GetValue()), nil
}

func (c *ControlPlane) etcdRevision(ctx context.Context) (string, error) {
	var answer struct {
		Header struct {
			Revision string `json:"revision"`
		} `json:"header"`
	}
	anyKey := map[string]any{"key": "AA==", "limit": 1}
	if err := c.etcdCall(ctx, "kv/range", anyKey, &answer); err != nil {
		return "", err
	}
	return answer.Header.Revision, nil
}

// etcdCall uses etcd's JSON gateway, which spares the tests etcd's client. The answer is decoded into out unless that is nil.
func (c *ControlPlane) etcdCall(ctx context.Context, method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding a call of etcd: %w", err)
	}
	answer, err := call(ctx, http.DefaultClient, http.MethodPost, c.etcdURL+"/v3/"+method, body)
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("reading what etcd answered to %s: %w", method, err)
	}
	return nil
}
