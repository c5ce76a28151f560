package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/sagas-dev/saga-operator/test/controlplane"
	"github.com/sagas-dev/saga-operator/test/crew"
)

var (
	errInterrupted = errors.New("interrupted")
	errTooLong     = errors.New("it took too long (--timeout)")
)

// run runs the demo from nothing to nothing. Its error is the reason for exit 1.
func (d *demo) run(ctx context.Context, o options, out io.Writer) (err error) {
	ctrl.SetLogger(logr.Discard()) // else the library complains that nobody did
	kubeBin, err := d.prepare(ctx, out)
	if err != nil {
		return whyStopped(ctx, err)
	}
	defer func() { err = errors.Join(err, d.tidy(o, err == nil)) }()
	story, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.crew = &crew.Crew{Dir: d.dir, Failed: cancel}
	defer func() { err = errors.Join(err, d.strike()) }()

	timed, stop := context.WithTimeoutCause(story, o.timeout, errTooLong)
	defer stop()
	if err := d.play(timed, kubeBin); err != nil {
		return d.explain(whyStopped(ctx, err))
	}
	if !o.keep {
		return nil
	}
	d.screen.print(d.howToUse())
	<-story.Done()
	if ctx.Err() != nil {
		return nil // Ctrl-C is how it is meant to end
	}
	return context.Cause(story)
}

// prepare gets everything that has to be built.
func (d *demo) prepare(ctx context.Context, out io.Writer) (kubeBin string, err error) {
	d.screen = newScreen(out)
	if d.root, err = controlplane.Root(); err != nil {
		return "", err
	}
	if kubeBin, err = controlplane.BinDir(ctx, true); err != nil {
		return "", err
	}
	d.screen.say("Building the operator and the sample services.")
	if d.bin, err = build(ctx, d.root); err != nil {
		return "", err
	}
	if d.dir, err = os.MkdirTemp("", "saga-demo-"); err != nil {
		return "", fmt.Errorf("making a directory: %w", err)
	}
	return kubeBin, nil
}

// tidy removes the demo's directory unless somebody may want to look into it.
func (d *demo) tidy(o options, good bool) error {
	if o.keep || !good {
		d.screen.say("Logs and data are in %s.", d.dir)
		return nil
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return fmt.Errorf("removing the demo's directory: %w", err)
	}
	d.screen.say("Nothing is left running. It took %s.", time.Since(d.screen.started).Round(time.Second))
	return nil
}

// whyStopped says that the user stopped the demo, where that is so.
func whyStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// explain adds the end of the manager's log to what took too long: the processes that ended by themselves come with theirs.
func (d *demo) explain(err error) error {
	if !errors.Is(err, errTooLong) {
		return err
	}
	return fmt.Errorf("%w\n%s", err, crew.Tail(filepath.Join(d.dir, "manager.log")))
}

// howToUse says how to talk to what is kept running.
func (d *demo) howToUse() string {
	return fmt.Sprintf(`
Everything keeps running until Ctrl-C. In another terminal:

  export KUBECONFIG=%s
  export PATH=%s:$PATH
  kubectl get sagas,orderworkflows

Kafka's protocol is spoken at %s, the operator's metrics are at http://%s/metrics,
the logs are in %s.
`, d.plane.Kubeconfig(), d.plane.BinDir(), d.broker, d.metrics, d.dir)
}
