package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"
)

// options of a run.
type options struct {
	sagas, warmUp, inFlight int
	alone                   int
	byHand, orders, stored  int
	starts                  int
	limitFor                time.Duration
	waiting                 int
	window                  time.Duration
	onlyRules               bool
	noFsync                 bool
	brokers                 string
	format                  string
	dir                     string
	managerFlags            []string
}

func optionsFrom(args []string) (options, error) {
	var o options
	flags := pflag.NewFlagSet("bench", pflag.ContinueOnError)
	flags.SortFlags = false
	flags.IntVar(&o.sagas, "sagas", 1500, "sagas of the main run")
	flags.IntVar(&o.warmUp, "warm-up", 300, "sagas before it that do not count")
	flags.IntVar(&o.inFlight, "in-flight", 64, "sagas that are in flight at any time")
	flags.IntVar(&o.alone, "alone", 50, "sagas of which only one is in flight, for the latency without a queue")
	flags.IntVar(&o.byHand, "by-hand", 300, "sagas made without the finalizer, as kubectl makes them")
	flags.IntVar(&o.orders, "orders", 200, "orders (OrderWorkflow), whose writes are counted")
	flags.IntVar(&o.starts, "starts", 1000, "sagas that a trigger makes, and a bare client before and after it")
	flags.IntVar(&o.stored, "stored", 500, "finished sagas that stay, whose bytes are weighed")
	flags.DurationVar(&o.limitFor, "limit-for", 5*time.Second, "how long each measurement of the API server's own limit takes")
	flags.IntVar(&o.waiting, "waiting", 1000, "sagas that wait for an answer; 0 leaves this part out")
	flags.DurationVar(&o.window, "window", 5*time.Minute, "how long they are watched while they wait")
	flags.BoolVar(&o.onlyRules, "only-rules", false, "measure only what the rules of the resource definition cost")
	flags.BoolVar(&o.noFsync, "no-fsync", false, "etcd does not wait for the disk: for slow disks, not comparable")
	flags.StringVar(&o.brokers, "kafka-brokers", os.Getenv("KAFKA_BROKERS"), "host:port of a Kafka broker. Empty: an embedded one, in this process's memory")
	flags.StringVarP(&o.format, "output", "o", "text", "text or markdown")
	flags.StringVar(&o.dir, "dir", os.TempDir(), "where etcd's data and the logs go while it runs; its disk is part of what is measured")
	flags.Usage = func() {
		fmt.Fprintf(os.Stderr, "Usage: go run ./test/bench [flags] [-- flags of the manager]\n\n%s", flags.FlagUsagesWrapped(120))
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.managerFlags = flags.Args()
	switch {
	case o.format != "text" && o.format != "markdown":
		return o, fmt.Errorf("-o %s: it must be text or markdown", o.format)
	case o.sagas < 1, o.alone < 1, o.byHand < 1, o.orders < 1, o.starts < 2, o.stored < 1, o.inFlight < 1, o.waiting < 0, o.warmUp < 0:
		return o, errors.New("the numbers of sagas and orders must be at least 1 (--warm-up and --waiting: 0; --starts: 2)")
	}
	return o, nil
}

// errBarMissed says that an exact number is not what it must be.
var errBarMissed = errors.New("an exact bar was missed")

func main() {
	o, err := optionsFrom(os.Args[1:])
	switch {
	case errors.Is(err, pflag.ErrHelp):
		return
	case err == nil:
		err = run(o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run measures, then prints to out. The directory with the logs is kept where something went wrong.
func run(o options, out io.Writer) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp(o.dir, "saga-bench-")
	if err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	o.dir = dir
	r, err := measure(ctx, o)
	if err != nil {
		return fmt.Errorf("%w\nlogs are in %s", err, dir)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("removing the directory: %w", err)
	}
	if err := r.print(out, o.format); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if r.exactMissed() {
		return errBarMissed
	}
	return nil
}
