// Command sample-services holds the three services of the demo in one binary: inventory, payment and shipping, each a
// process of its own with its own books in an SQLite file. Its subcommand books checks that the books balance.
//
// Source: docs/participants.md, "The sample services".
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	_ "golang.org/x/crypto/x509roots/fallback" // public authorities, since the image has no file of them

	"github.com/sagas-dev/saga-operator/internal/version"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := newRoot().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		stop()
		os.Exit(1)
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "sample-services",
		Short: "Inventory, payment and shipping for the order demo",
		Long: "Inventory, payment and shipping for the order demo.\n\n" +
			"Every flag can be given as an environment variable: SAGA_ and the flag's name in upper case, with _ for -.",
		Version:       version.Text(),
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(c *cobra.Command, _ []string) error {
			return fromEnvironment(c.Flags(), os.LookupEnv)
		},
	}
	root.SetVersionTemplate("{{.Name}} {{.Version}}\n")
	root.PersistentFlags().String("data", ".", "directory of the services' databases, one file each")
	root.AddCommand(newInventory(), newPayment(), newShipping(), newCast(), newBooks())
	return root
}

// fromEnvironment gives the flags that are not on the command line the values that the environment has for them.
func fromEnvironment(flags *pflag.FlagSet, lookup func(string) (string, bool)) error {
	var failed error
	flags.VisitAll(func(f *pflag.Flag) {
		name := "SAGA_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, ok := lookup(name)
		if f.Changed || !ok || failed != nil {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			failed = fmt.Errorf("reading %s: %w", name, err)
		}
	})
	return failed
}
