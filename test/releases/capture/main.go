// Command capture writes the fixtures of a release: it runs the manager of this source tree with a real API server and an
// embedded broker, brings one saga after the other to where its story is told, and keeps what is stored then.
//
//	go run ./test/releases/capture --version v0.1.0
//
// Source: docs/releases.md, "What stays true between versions".
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"github.com/sagas-dev/saga-operator/internal/version"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// patience bounds the whole run, once the control plane's programs are built.
const patience = 5 * time.Minute

func main() {
	release := pflag.String("version", "v"+version.Number(), "the release, as its tag is called")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := capture(ctx, *release)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "capture:", err)
		os.Exit(1)
	}
}

func capture(ctx context.Context, release string) (err error) {
	root, err := controlplane.Root()
	if err != nil {
		return err
	}
	target := filepath.Join(root, "test", "releases", "testdata", release)
	if _, err := os.Stat(target); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s exists: what a release has stored never changes (%w)", target, errors.Join(err, os.ErrExist))
	}
	work, err := os.MkdirTemp("", "saga-fixtures-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	manager := filepath.Join(work, "manager")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", manager, "./cmd/manager")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the manager: %w\n%s", err, out)
	}
	bin, err := controlplane.BinDir(ctx, true)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s have passed", patience))
	defer cancel()
	s, err := set(limited, root, work, bin, manager)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.strike()) }()
	fixtures, err := s.tell(limited)
	if err != nil {
		return err
	}
	fresh := filepath.Join(work, "fixtures") // all of them or none
	if err := os.Mkdir(fresh, 0o755); err != nil {
		return err
	}
	for _, f := range fixtures {
		if err := f.Write(fresh); err != nil {
			return err
		}
	}
	if err := os.CopyFS(filepath.Join(fresh, "crds"), os.DirFS(filepath.Join(root, "config", "crd", "bases"))); err != nil {
		return fmt.Errorf("copying the resource definitions: %w", err)
	}
	if err := os.CopyFS(target, os.DirFS(fresh)); err != nil {
		return fmt.Errorf("writing the fixtures: %w", err)
	}
	fmt.Printf("%d fixtures in %s\n", len(fixtures), strings.TrimPrefix(target, root+"/"))
	return nil
}
