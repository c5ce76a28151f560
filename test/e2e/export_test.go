package e2e

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// exported are the objects that are kept of a failed run, by file.
var exported = map[string][]string{
	"sagas.yaml": {"get", "sagas,sagadefinitions,sagaparticipants,sagatriggers,orderworkflows,controllerrevisions", "-A", "-o", "yaml"},
	"sagas.txt":  {"get", "sagas,orderworkflows,sagaparticipants,sagatriggers", "-A", "-o", "wide"},
	"objects.yaml": {"get", "nodes,namespaces,deployments,replicasets,pods,persistentvolumeclaims,persistentvolumes,configmaps,poddisruptionbudgets," +
		"leases,jobs,services,endpointslices", "-A", "-o", "yaml"},
	"pods.txt":   {"get", "pods", "-A", "-o", "wide"},
	"events.txt": {"get", "events", "-A", "--sort-by=.lastTimestamp"},
}

// export keeps logs and objects of the cluster in a directory that it names. What fails is said, and stops nothing.
func (c *cluster) export(ctx context.Context, t *testing.T) {
	t.Helper()
	t.Logf("logs and objects of the cluster are in %s", c.dir)
	for file, args := range exported {
		out, err := c.run(ctx, "kubectl", args...)
		if err != nil {
			t.Log(err)
		}
		if err := os.WriteFile(filepath.Join(c.dir, file), []byte(out), 0o600); err != nil {
			t.Log(err)
		}
	}
	// With the logs of all containers, also of those before the present ones.
	if _, err := c.run(ctx, "kind", "export", "logs", "-q", "--name", c.name, filepath.Join(c.dir, "logs")); err != nil {
		t.Log(err)
	}
}
