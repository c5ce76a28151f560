package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/test/stage"
)

// weigh runs sagas that stay, and returns what etcd needs for them.
func (b *bench) weigh(ctx context.Context, r *report) error {
	if _, err := b.quiet(ctx); err != nil {
		return err
	}
	before, err := b.Plane.DatabaseBytes(ctx)
	if err != nil {
		return err
	}
	if _, err := b.runSagas(ctx, "stored", b.stored, b.inFlight, time.Hour, nil); err != nil {
		return err
	}
	if _, err := b.quiet(ctx); err != nil {
		return err
	}
	written, err := b.inUse(ctx)
	if err != nil {
		return err
	}
	after, err := b.Plane.DatabaseBytes(ctx)
	if err != nil {
		return err
	}
	value, err := b.storedBytes(ctx)
	if err != nil {
		return err
	}
	n := float64(b.stored)
	r.bytes(float64(after-before)/n, (written-float64(before))/n, value)
	return b.Client.DeleteAllOf(ctx, &v1alpha1.Saga{}, client.InNamespace(stage.Shop))
}

// inUse is what etcd's database holds now, history included, in bytes. The API server has the history forgotten every five
// minutes: where that happens meanwhile, this is less than what was written.
func (b *bench) inUse(ctx context.Context) (float64, error) {
	families, err := b.Plane.EtcdMetrics(ctx)
	if err != nil {
		return 0, err
	}
	for _, metric := range families["etcd_mvcc_db_total_size_in_use_in_bytes"].GetMetric() {
		return metric.GetGauge().GetValue(), nil
	}
	return 0, errors.New("etcd does not say what its database holds")
}

// storedBytes is how long the value of a saga is in etcd, managedFields included: the mean of all in the shop.
func (b *bench) storedBytes(ctx context.Context) (float64, error) {
	first := "/registry/" + sagas.Group + "/" + sagas.Resource + "/" + stage.Shop + "/"
	last := first[:len(first)-1] + "0" // the character after the slash: all keys that begin with first
	question, err := json.Marshal(map[string][]byte{"key": []byte(first), "range_end": []byte(last)})
	if err != nil {
		return 0, fmt.Errorf("encoding a question to etcd: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.Plane.EtcdURL()+"/v3/kv/range", bytes.NewReader(question))
	if err != nil {
		return 0, fmt.Errorf("asking etcd: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, fmt.Errorf("asking etcd: %w", err)
	}
	defer func() { _ = response.Body.Close() }() // read to its end, or the error is returned
	var answer struct {
		KVs []struct{ Value []byte } `json:"kvs"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || len(answer.KVs) == 0 {
		return 0, fmt.Errorf("reading etcd's answer (%s, %d sagas): %w", response.Status, len(answer.KVs), err)
	}
	total := 0
	for _, kv := range answer.KVs {
		total += len(kv.Value)
	}
	return float64(total) / float64(len(answer.KVs)), nil
}
