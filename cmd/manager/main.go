// Command manager runs the saga operator.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/go-logr/logr"
	_ "golang.org/x/crypto/x509roots/fallback" // public authorities, since the image has no file of them
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sagas-dev/saga-operator/internal/config"
	"github.com/sagas-dev/saga-operator/internal/telemetry"
	"github.com/sagas-dev/saga-operator/internal/version"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr)) }

func run(args, environ []string, out, errOut io.Writer) int {
	cfg, err := config.Parse(args, environ)
	switch {
	case errors.Is(err, config.ErrHelp):
		fmt.Fprint(out, config.Usage())
		return exitDone
	case err != nil:
		fmt.Fprintf(errOut, "manager: %v\n", err)
		return exitUsage
	case cfg.Version:
		fmt.Fprintln(out, "manager", version.Text())
		return exitDone
	}
	log := telemetry.NewLogger(errOut, cfg.LogLevel, cfg.LogFormat)
	ctrl.SetLogger(log)
	klog.SetLogger(log)
	ctx := ctrl.SetupSignalHandler() // the second signal ends the process at once
	context.AfterFunc(ctx, func() { endInTime(cfg.ShutdownTimeout, log) })
	if err := serve(ctx, cfg, log); err != nil {
		log.Error(err, "Ending")
		return exitFailed
	}
	log.Info("Ended")
	return exitDone
}

// endInTime ends the process when it takes too long to end by itself; the lease then expires. Nothing is lost by it: what
// is not stored is decided again, what is not committed is read again.
func endInTime(timeout time.Duration, log logr.Logger) {
	log.Info("Ending: no more work is taken", "timeout", timeout.String())
	time.AfterFunc(timeout, func() {
		log.Info("Ending took too long", "timeout", timeout.String())
		os.Exit(exitFailed)
	})
}
