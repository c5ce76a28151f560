package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

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

// refused says what a command that must fail says, and fails the test where it does not.
func (c tools) refused(t *testing.T, name string, args ...string) string {
	t.Helper()
	_, err := c.run(t.Context(), name, args...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("%s %s was not refused: %v", name, strings.Join(args, " "), err)
	}
	return err.Error()
}
