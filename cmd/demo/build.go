package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// binaries are the programs that the demo runs, as built from this source tree.
type binaries struct{ manager, services, plugin string }

// build builds the programs into bin/, as make build does. Up to date ones cost a second.
func build(ctx context.Context, root string) (binaries, error) {
	dir := filepath.Join(root, "bin")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", dir+string(filepath.Separator), "./cmd/manager", "./cmd/sample-services", "./cmd/kubectl-saga")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return binaries{}, fmt.Errorf("building the operator and the services: %w\n%s", whyEnded(ctx, err), out)
	}
	return binaries{
		manager: filepath.Join(dir, "manager"), services: filepath.Join(dir, "sample-services"), plugin: filepath.Join(dir, "kubectl-saga"),
	}, nil
}
