package cli

import (
	"io"
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/sagas-dev/saga-operator/internal/cli/tree"
)

func newTree(streams genericiooptions.IOStreams) *cobra.Command {
	var colour string
	cmd := &cobra.Command{
		Use:     "tree NAME",
		Short:   "Show the steps of a saga: how they depend on each other, and where each stands",
		Example: "  kubectl saga tree order-1",
		Args:    arguments(cobra.ExactArgs(1)),
	}
	at := connects(cmd)
	cmd.Flags().StringVar(&colour, "color", "auto", "auto (on a terminal, unless NO_COLOR is set), always or never")
	complete(cmd, "color", "auto", "always", "never")
	cmd.ValidArgsFunction = at.completeSagas(1)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := oneOf("color", colour, "auto", "always", "never"); err != nil {
			return err
		}
		s, saga, err := at.saga(cmd.Context(), args[0])
		if err != nil {
			return err
		}
		definition, err := s.definition(cmd.Context(), saga)
		if err != nil {
			return err
		}
		return tree.Draw(streams.Out, saga, definition, coloured(colour, streams.Out))
	}
	return cmd
}

// coloured says whether to use colours.
func coloured(choice string, out io.Writer) bool {
	if choice != "auto" {
		return choice == "always"
	}
	file, isFile := out.(*os.File)
	return isFile && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(file.Fd()))
}
