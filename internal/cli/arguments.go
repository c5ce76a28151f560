package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sagas-dev/saga-operator/internal/manifests"
)

// arguments bounds the number of a command's arguments; what is wrong with it is misuse.
func arguments(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w: see %s --help", err, cmd.CommandPath())}
		}
		return nil
	}
}

// filesHelp says what FILE|DIR|-... may be. It is the same for all commands that read files.
const filesHelp = "Directories are read with all below them (*.yaml, *.yml, *.json; what is hidden is passed over); - is what is piped in."

// someFiles wants at least one argument: a file, a directory, or what is piped in.
func someFiles(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("name at least one file or directory, or - for what is piped in")
	}
	return nil
}

// readFiles reads what a command line names. What cannot be read is misuse.
func readFiles(args []string, stdin io.Reader) ([]manifests.Source, error) {
	sources, err := manifests.Sources(args, stdin)
	if err == nil && len(sources) == 0 { // a wrong path must not pass for one without mistakes
		return nil, misuse("there is no file *.yaml, *.yml or *.json in %s", strings.Join(args, ", "))
	}
	return sources, asMisuse(err)
}

// asMisuse is an error about what a command was given: nothing was done.
func asMisuse(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// misuse is an error about the command line.
func misuse(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// oneOf says that a flag's value is none of those that it may have.
func oneOf(flag, value string, known ...string) error {
	if slices.Contains(known, value) {
		return nil
	}
	return misuse("--%s must be one of %s, is %q", flag, strings.Join(nonempty(known), ", "), value)
}

func nonempty(words []string) []string {
	return slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
}

// complete offers fixed values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	offer := cobra.FixedCompletions(nonempty(values), cobra.ShellCompDirectiveNoFileComp)
	if err := cmd.RegisterFlagCompletionFunc(flag, offer); err != nil {
		panic(err) // the flag is not declared: a mistake of ours that every test sees
	}
}
