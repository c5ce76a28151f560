// Command broker is an embedded broker that speaks Kafka's protocol, for trying the operator out in a cluster that has no
// Kafka. It is one process without replicas, and without --data everything that was sent is gone when it ends.
//
// Source: docs/releases.md, "What is in the image".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/sagas-dev/saga-operator/internal/version"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(out, usage())
		return exitDone
	case err != nil:
		fmt.Fprintf(errOut, "broker: %v\n", err)
		return exitUsage
	case o.version:
		fmt.Fprintln(out, "broker", version.Text())
		return exitDone
	}
	log := slog.New(slog.NewTextHandler(errOut, nil))
	if err := serve(ctx, o, log); err != nil {
		log.Error("Ending", "error", err)
		return exitFailed
	}
	log.Info("Ended")
	return exitDone
}
