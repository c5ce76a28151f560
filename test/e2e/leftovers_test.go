package e2e

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
)

const clusterPrefix = "saga-e2e-"

// clusterName is the name of a process's cluster, so that a later run can tell whose process is gone.
func clusterName(pid int) string { return fmt.Sprintf("%s%d", clusterPrefix, pid) }

// removeLeftovers deletes the clusters of runs that were killed, or that were to be kept.
func (c *cluster) removeLeftovers(t *testing.T) {
	t.Helper()
	for _, name := range strings.Fields(c.kind(t, "get", "clusters", "-q")) {
		var pid int
		if _, err := fmt.Sscanf(name, clusterPrefix+"%d", &pid); err != nil || name != clusterName(pid) || runs(pid) {
			continue
		}
		t.Logf("removing cluster %s, which an earlier run has left", name)
		// A node that was left frozen cannot be removed. Others say that they are not.
		for _, node := range strings.Fields(c.kind(t, "get", "nodes", "-q", "--name", name)) {
			if c.docker(t, "inspect", "-f", "{{.State.Paused}}", node) == "true\n" {
				c.docker(t, "unpause", node)
			}
		}
		c.kind(t, "delete", "cluster", "-q", "--name", name)
	}
}

func runs(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
