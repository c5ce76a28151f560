package docs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

const clusterPrefix = "saga-docs-"

// kindShim is kind with the image that KIND_NODE_IMAGE names, since its own choice needs a registry, and with volumes for the
// samples that others than root may write to: not every provisioner makes them so.
const kindShim = `#!/bin/bash
set -euo pipefail
kind=%q
if [[ "$1 $2" != "create cluster" ]]; then exec "$kind" "$@"; fi
"$kind" "$@" ${KIND_NODE_IMAGE:+--image "$KIND_NODE_IMAGE"}
docker exec "$KIND_CLUSTER_NAME-control-plane" mkdir -p -m 0777 /var/lib/saga-docs/kafka /var/lib/saga-docs/books
class=$(kubectl get storageclass -o jsonpath='{.items[0].metadata.name}')
for claim in kafka/kafka shop/books; do
  kubectl apply -f - <<YAML
{"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "${claim#*/}"}, "spec": {
  "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "storageClassName": "$class",
  "hostPath": {"path": "/var/lib/saga-docs/${claim#*/}"}, "claimRef": {"namespace": "${claim%%/*}", "name": "${claim#*/}"}}}
YAML
done
`

// TestInstallUpgradeAndRemove follows install.md and upgrade.md in a cluster that has nothing, in a copy of the repository.
func TestInstallUpgradeAndRemove(t *testing.T) {
	needs(t, "E2E", "E2E=1 make test-docs")
	s := inACluster(t)
	begun := time.Now()
	s.run(t, "docs/install.md", "", "install", nil)
	t.Logf("from nothing to orders that have ended, and a second installation: %s", time.Since(begun).Round(time.Second))
	s.run(t, "docs/upgrade.md", "", "upgrade", nil)
	s.run(t, "docs/install.md", "", "uninstall", map[string]func(){
		"leave something behind":   func() { s.leaveBehind(t) },
		"see that nothing is left": func() { s.nothingIsLeft(t) },
	})
	s.run(t, "docs/install.md", "", "kustomize", nil)
	s.run(t, "docs/upgrade.md", "", "kustomize", nil)
}

const behind = `kubectl apply --server-side -k config/crd >&2
kubectl wait --for=condition=Established crd/sagas.sagas.dev crd/sagaparticipants.sagas.dev >&2
kubectl apply -f - <<YAML
apiVersion: sagas.dev/v1alpha1
kind: SagaParticipant
metadata: {name: left, namespace: default, finalizers: [sagas.dev/in-use]}
spec: {topics: {commands: left.commands}}
---
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: left, namespace: default, finalizers: [sagas.dev/saga]}
spec: {definitionRef: {name: left}}
---
apiVersion: apps/v1
kind: ControllerRevision
metadata: {name: left, namespace: default, finalizers: [sagas.dev/in-use], labels: {sagas.dev/definition: left}}
data: {}
revision: 1
YAML
kubectl -n default delete --wait=false sagaparticipant/left saga/left controllerrevision/left`

// leaveBehind has objects hang in deletion that nobody lets go of.
func (s *shell) leaveBehind(t *testing.T) {
	t.Helper()
	s.bash(t, block{file: "the test"}, behind)
	if left := s.left(t); len(left) != 3 {
		t.Fatalf("%v hang in deletion, not three objects: nothing would be shown", left)
	}
}

func (s *shell) nothingIsLeft(t *testing.T) {
	t.Helper()
	if left := s.left(t); len(left) != 0 {
		t.Fatalf("%v still hang in deletion", left)
	}
	s.bash(t, block{file: "the test"}, "kubectl delete -k config/crd")
}

func (s *shell) left(t *testing.T) []string {
	t.Helper()
	return strings.Fields(s.bash(t, block{file: "the test"},
		"kubectl get sagas.sagas.dev,sagaparticipants.sagas.dev,controllerrevisions.apps -n default --ignore-not-found -o name 2>/dev/null | grep left || true"))
}

// TestTheReadmesInstallation follows the README in a cluster that has nothing.
func TestTheReadmesInstallation(t *testing.T) {
	needs(t, "E2E", "E2E=1 make test-docs")
	if len(blocksOf(t, readme, readmeSection)) == 0 {
		t.Fatalf("it has no section %q with commands", readmeSection)
	}
	begun, s := time.Now(), inACluster(t)
	s.run(t, readme, readmeSection, "readme", nil)
	t.Logf("from nothing to a saga that has ended: %s", time.Since(begun).Round(time.Second))
}

// inACluster returns a shell whose kind makes one cluster of this test's own.
func inACluster(t *testing.T) *shell {
	t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	binaries, err := controlplane.BinDir(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	dir, name := t.TempDir(), fmt.Sprintf("%s%d", clusterPrefix, os.Getpid())
	copyTree(t, root, dir)
	shims := filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(shims, 0o700); err != nil {
		t.Fatal(err)
	}
	kind := fmt.Sprintf(kindShim, filepath.Join(root, "bin", "kind"))
	if err := os.WriteFile(filepath.Join(shims, "kind"), []byte(kind), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	s := &shell{dir: dir, env: []string{
		"KIND_CLUSTER_NAME=" + name, "KUBECONFIG=" + filepath.Join(shims, "kubeconfig"), path(shims, filepath.Join(root, "bin"), binaries),
	}}
	s.removeLeftovers(t)
	t.Cleanup(func() { s.remove(t, name) })
	return s
}

// copyTree copies what is in the repository, committed or not, so that what the commands write stays out of it.
func copyTree(t *testing.T, root, dir string) {
	t.Helper()
	copying := `git ls-files -co --exclude-standard -z | while IFS= read -rd '' f; do [[ ! -e $f ]] || printf '%s\0' "$f"; done | tar --null -cf - -T - | tar -xf - -C "$1"`
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", copying, "copy", dir)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("copying the repository: %v\n%s", err, out)
	}
}

// remove shows what a failed test has left, and deletes the cluster.
func (s *shell) remove(t *testing.T, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	if t.Failed() {
		out, err := s.command(ctx, "kubectl get pods,sagas -A; kubectl get events -A | tail -n 40; kubectl -n saga-system logs -l app.kubernetes.io/component=manager --tail=30").CombinedOutput()
		t.Logf("what the failure left (%v):\n%s", err, out)
	}
	if out, err := s.command(ctx, "kind delete cluster -q --name "+name).CombinedOutput(); err != nil {
		t.Errorf("deleting cluster %s: %v\n%s", name, err, out)
	}
}

// removeLeftovers deletes clusters whose test was killed.
func (s *shell) removeLeftovers(t *testing.T) {
	t.Helper()
	for _, name := range strings.Fields(s.bash(t, block{file: "the test"}, "kind get clusters -q 2>/dev/null")) {
		var pid int
		if _, err := fmt.Sscanf(name, clusterPrefix+"%d", &pid); err == nil && syscall.Kill(pid, 0) == syscall.ESRCH {
			s.remove(t, name)
		}
	}
}
