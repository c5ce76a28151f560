package controlplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const modulePath = "github.com/sagas-dev/saga-operator"

// BinDir returns the directory of the binaries etcd, kube-apiserver, kubectl and, where asked for,
// kube-controller-manager. It runs hack/controlplane/build, which answers at once when they are cached and takes minutes
// when they have to be built; its progress goes to standard error.
func BinDir(ctx context.Context, controllerManager bool) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	var args []string
	if controllerManager {
		args = append(args, "--controller-manager")
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "hack", "controlplane", "build"), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running hack/controlplane/build: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Root returns the root of the project's source tree, which the working directory must be in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the project's root: %w", err)
	}
	for {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && bytes.HasPrefix(text, []byte("module "+modulePath+"\n")) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("the working directory is not inside the project's source tree (no go.mod of " + modulePath + ")")
		}
		dir = parent
	}
}
