// Command demo runs the whole of the project on this machine, with nothing to install: a Kubernetes control plane, a
// broker, the operator and three services, each a process of its own. It sends orders through them, kills and restarts
// services and operator in the middle of one, checks the services' books and leaves nothing running.
//
// Source: docs/tutorial.md.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := newRoot().ExecuteContext(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	keep    bool
	timeout time.Duration
}

func newRoot() *cobra.Command {
	o := options{}
	c := &cobra.Command{
		Use:   "demo",
		Short: "Runs orders end to end on this machine",
		Long: "Starts a control plane, a broker, the operator and three sample services; runs the orders of config/samples, kills\n" +
			"everything but control plane and broker in the middle of the last one, and checks the services' books.",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error {
			d := &demo{members: services, story: (*demo).orders}
			return d.run(c.Context(), o, c.OutOrStdout())
		},
	}
	c.Flags().BoolVar(&o.keep, "keep", false, "keep everything running until Ctrl-C, and keep the directory after that")
	c.Flags().DurationVar(&o.timeout, "timeout", 4*time.Minute, "how long the orders may take, once everything is built")
	c.AddCommand(newBroker(), newSamples())
	return c
}
