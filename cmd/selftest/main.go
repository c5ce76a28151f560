// Command selftest shows that an installation works: it runs two sagas of its own in a namespace, one that is done and one
// that is undone, with a participant in this process, and removes them again. It is what helm test runs.
//
// Source: docs/releases.md, "What is in the image".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/pflag"
	_ "golang.org/x/crypto/x509roots/fallback" // public authorities, where the image has no file of them
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sagas-dev/saga-operator/internal/version"
)

// Exit codes.
const (
	exitPassed = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args, environ []string, out, errOut io.Writer) int {
	o, err := parse(args, environ)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(out, usage())
		return exitPassed
	case err != nil:
		fmt.Fprintf(errOut, "selftest: %v\n", err)
		return exitUsage
	case o.version:
		fmt.Fprintln(out, "selftest", version.Text())
		return exitPassed
	}
	ctrl.SetLogger(logr.Discard()) // the library would complain that there is none
	fmt.Fprintf(out, "selftest %s: namespace %s, topic %s, brokers %v\n", version.Text(), o.namespace, o.topic, o.kafka.Brokers)
	if err := selftest(ctx, o, out); err != nil {
		fmt.Fprintf(errOut, "FAILED: %v\n", err)
		var hinted *trouble
		if errors.As(err, &hinted) {
			fmt.Fprintf(errOut, "look at: %s\n", hinted.lookAt)
		}
		return exitFailed
	}
	fmt.Fprintln(out, "passed")
	return exitPassed
}

// trouble is an error with a word on what to look at.
type trouble struct {
	err    error
	lookAt string
}

func (t *trouble) Error() string { return t.err.Error() }

func (t *trouble) Unwrap() error { return t.err }
