package cli

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/sagas-dev/saga-operator/internal/lint"
)

func newLint(streams genericiooptions.IOStreams) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "lint FILE|DIR|-...",
		Short: "Judge manifests without a cluster",
		Long: "Judges manifests by the API server's own rules for new objects, and by what only conditions would say: expressions, schemas, params, and " +
			"what objects say of each other. " + filesHelp + " Kinds of others are passed over.",
		Example: "  kubectl saga lint config/samples\n  kustomize build . | kubectl saga lint -",
		Args:    arguments(someFiles),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneOf("output", output, "", "json"); err != nil {
				return err
			}
			sources, err := readFiles(args, streams.In)
			if err != nil {
				return err
			}
			linter, err := lint.New()
			if err != nil {
				return err
			}
			return printLint(streams, linter.Lint(cmd.Context(), sources), output)
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "json: the findings as JSON")
	complete(cmd, "output", "json")
	return cmd
}

// printLint prints what was found; errors among it end the command as failed.
func printLint(streams genericiooptions.IOStreams, report lint.Report, output string) error {
	if output == "json" {
		if report.Findings == nil {
			report.Findings = []lint.Finding{}
		}
		if err := printJSON(streams.Out, report); err != nil {
			return err
		}
	} else {
		for _, finding := range report.Findings {
			fmt.Fprintln(streams.Out, finding)
		}
		fmt.Fprintln(streams.ErrOut, lintSummary(report))
	}
	if report.Count(lint.Error) > 0 {
		return errSilent
	}
	return nil
}

func lintSummary(report lint.Report) string {
	text := fmt.Sprintf("%s judged: %s, %s", count(report.Objects, "object"), count(report.Count(lint.Error), "error"), count(report.Count(lint.Warning), "warning"))
	if report.Passed > 0 {
		text += fmt.Sprintf("; %s of other kinds passed over", count(report.Passed, "object"))
	}
	return text
}

// count is a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
