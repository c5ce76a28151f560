// Package cli holds the commands of kubectl-saga. Each command is a file of its own, or a package below this one.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/sagas-dev/saga-operator/internal/version"
)

// Exit codes.
const (
	exitOK      = 0
	exitFailed  = 1 // what was asked for does not hold: a breach, a failed case, a refused request
	exitMisused = 2 // the command line, or a file that it names, cannot be understood: nothing was done
)

// errSilent ends a command with exitFailed whose output has said already what is wrong.
var errSilent = errors.New("failed")

// StandardStreams are those of the process.
func StandardStreams() genericiooptions.IOStreams {
	return genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
}

// Main runs one command line and returns its exit code. It is interrupted as a shell interrupts.
func Main(args []string, streams genericiooptions.IOStreams) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	quiet()
	root := NewRoot(streams)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errSilent):
		return exitFailed
	}
	fmt.Fprintln(streams.ErrOut, "error: "+err.Error())
	var misuse usageError
	if errors.As(err, &misuse) {
		return exitMisused
	}
	return exitFailed
}

// usageError is a command line that cannot be understood.
type usageError struct{ error }

// NewRoot returns the command `kubectl saga` with all that it can do.
func NewRoot(streams genericiooptions.IOStreams) *cobra.Command {
	root := &cobra.Command{
		Use:           "kubectl-saga",
		Short:         "Write, prove, start, watch and decide about sagas",
		Version:       version.Text(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl saga"},
		Args:          knownCommand,
		// Flags of a command that there is not are not what is wrong.
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true},
		RunE:               func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	for _, command := range commands {
		root.AddCommand(command(streams))
	}
	return root
}

// knownCommand refuses what is no command, which comes to the root as an argument.
func knownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if close := root.SuggestionsFor(args[0]); len(close) > 0 {
		return misuse("there is no command %q: did you mean %s?", args[0], strings.Join(close, ", "))
	}
	return misuse("there is no command %q: see kubectl saga --help", args[0])
}

// commands are what the plugin can do, in the order of its help.
var commands = []func(genericiooptions.IOStreams) *cobra.Command{
	newLint,
	newSimulate,
	newTopics,
	newStart,
	newGet,
	newTree,
	newWhy,
	newWatch,
	newSuspend,
	newResume,
	newAbort,
	newAdopt,
	newApprove,
	newDecline,
	newResolve,
	newRetry,
	newRerun,
	newTest,
	newDev,
}

func init() { cobra.EnableCommandSorting = false } // help keeps that order
