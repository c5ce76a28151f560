package cli

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/sagas-dev/saga-operator/internal/devbroker"
	"github.com/sagas-dev/saga-operator/internal/devrun"
)

func newDev(streams genericiooptions.IOStreams) *cobra.Command {
	o := devrun.Options{Out: streams.Out, In: streams.In}
	c := &cobra.Command{
		Use:   "dev -f FILE|DIR|-",
		Short: "Run sagas on this machine, with stubs for the services that are not there",
		Long: "Runs the sagas and orders of the files on this machine, without a cluster: with a broker that speaks Kafka's protocol, and\n" +
			"everything in memory. Services take part as they would in a cluster; for those that are not there, stubs answer. The files\n" +
			"are looked at again each second: new sagas start, and abort, suspend and resolutions of running ones are taken. " + filesHelp + "\n\n" +
			"With --once it ends with 0 where every saga was Completed, else with 1: also where one has not ended in --timeout.\n" +
			"It ends with 2 where the files or the flags are wrong.",
		Example: "  kubectl saga dev -f orders/\n  kubectl saga dev -f orders/ --real payment --once",
		Args:    arguments(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if err := checkDev(&o); err != nil {
				return asMisuse(err)
			}
			if c.Flags().Changed("timeout") && !o.Once {
				return misuse("--timeout: goes with --once only")
			}
			file, ok := streams.Out.(*os.File)
			o.Live = ok && !o.Once && term.IsTerminal(int(file.Fd()))
			return devError(devrun.Run(c.Context(), o), o.Port)
		},
	}
	f := c.Flags()
	f.StringSliceVarP(&o.Paths, "filename", "f", nil, "`files` and directories of definitions, participants, sagas and orders, or - for what is piped in. Required")
	f.StringSliceVar(&o.Start, "start", nil, "`files` of sagas and orders to start too")
	f.IntVar(&o.Port, "port", 9092, "`port` of the broker on 127.0.0.1; 0 takes a free one")
	f.StringVar(&o.Installation, "installation", "default", "name in the topics of replies and outcomes, and in idempotency keys")
	f.StringSliceVar(&o.Real, "real", nil, "`participants` that no stub ever stands in for")
	f.StringSliceVar(&o.Stub, "stub", nil, "`participants` that a stub always stands in for, also while somebody reads their commands")
	f.StringSliceVar(&o.Script, "script", nil, "`files` with one case each (kind SagaTest) whose answers and events are the stubs'")
	f.DurationVar(&o.AutoEvents, "auto-events", time.Second, "how long after a step began to wait for an event of a stub it is published; 0s: never")
	f.BoolVar(&o.Once, "once", false, "end when every saga has ended, or waits for a person")
	f.DurationVar(&o.Timeout, "timeout", 5*time.Minute, "with --once: how long after it is ready it ends in any case, from 1s; 0s: never")
	return c
}

func checkDev(o *devrun.Options) error {
	switch {
	case len(o.Paths) == 0:
		return errors.New("--filename: name at least one file or directory")
	case o.Port < 0 || o.Port > 65535:
		return fmt.Errorf("--port: must be from 0 to 65535, is %d", o.Port)
	case o.Timeout != 0 && o.Timeout < time.Second:
		return fmt.Errorf("--timeout: must be at least 1s, or 0s, is %s", o.Timeout)
	case o.AutoEvents < 0:
		return fmt.Errorf("--auto-events: must be at least 0s, is %s", o.AutoEvents)
	case o.Installation == "":
		return errors.New("--installation: is empty")
	}
	for _, real := range o.Real {
		for _, stub := range o.Stub {
			if real == stub {
				return fmt.Errorf("--real, --stub: %q cannot be both", real)
			}
		}
	}
	return nil
}

func devError(err error, port int) error {
	switch {
	case errors.Is(err, devrun.ErrNotCompleted):
		return errSilent
	case errors.Is(err, devrun.ErrNothingToRun):
		return misuse("--filename: %w", err)
	case errors.As(err, &devrun.InputError{}):
		return asMisuse(err)
	case errors.Is(err, devbroker.ErrPortTaken):
		return fmt.Errorf("--port: %d: %w; choose another one, or 0 for one that is free", port, devbroker.ErrPortTaken)
	}
	return err
}
