package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// tools are the programs that the tests call, and where they keep things.
type tools struct {
	root, dir, kubeconfig string
	paths                 map[string]string
}

func newTools(t *testing.T) tools {
	t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	binaries, err := controlplane.BinDir(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "saga-e2e-") //nolint:usetesting // what is exported must outlive a failed test
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{"kubectl": filepath.Join(binaries, "kubectl")}
	for _, name := range []string{"kind", "helm"} {
		paths[name] = filepath.Join(root, "bin", name)
		if _, err := os.Stat(paths[name]); err != nil {
			t.Fatalf("%v: make bin/kind bin/helm", err)
		}
	}
	return tools{root: root, dir: dir, kubeconfig: filepath.Join(dir, "kubeconfig"), paths: paths}
}

// run calls a program in the root of the repository and returns what it prints. An error has all that was printed.
func (c tools) run(ctx context.Context, name string, args ...string) (string, error) {
	path := name
	if own, ok := c.paths[name]; ok {
		path = own
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = c.root
	cmd.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig,
		"HELM_CACHE_HOME="+filepath.Join(c.dir, "helm"), "HELM_CONFIG_HOME="+filepath.Join(c.dir, "helm"), "HELM_DATA_HOME="+filepath.Join(c.dir, "helm"))
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out.String(), problems.String())
	}
	return out.String(), nil
}

func (c tools) must(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := c.run(t.Context(), name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c tools) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return c.must(t, "kubectl", args...)
}

func (c tools) kind(t *testing.T, args ...string) string {
	t.Helper()
	return c.must(t, "kind", args...)
}

func (c tools) docker(t *testing.T, args ...string) string {
	t.Helper()
	return c.must(t, "docker", args...)
}

// afterwards runs what has to be run also when the test has ended.
func (c tools) afterwards(t *testing.T, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	if _, err := c.run(ctx, name, args...); err != nil {
		t.Error(err)
	}
}
