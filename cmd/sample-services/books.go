package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// errUnbalanced makes books end with exit code 1; what is off has been printed by then.
var errUnbalanced = errors.New("the books do not balance")

func newBooks() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "books",
		Short: "Prints the books of all services and checks that they balance",
		Long: "Prints the books of all services and checks that they balance: exit code 1, with every problem named, when something\n" +
			"that was undone left something behind, when a key took effect twice, when the stock does not add up, or when a\n" +
			"command id ever came with other bytes. An order whose undoing is still under way counts as off.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			b, err := readBooks(c.Context(), c.Flag("data").Value.String())
			if err != nil {
				return err
			}
			r := audit(b)
			if err := printReport(c.OutOrStdout(), r, output); err != nil {
				return err
			}
			if !r.Balanced {
				return errUnbalanced
			}
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

func printReport(w io.Writer, r report, output string) error {
	switch output {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(r)
	case "table":
		return printTable(w, r)
	}
	return fmt.Errorf("--output %q is not one of table and json", output)
}

func printTable(w io.Writer, r report) error {
	t := tabwriter.NewWriter(w, 0, 8, 3, ' ', 0)
	fmt.Fprintln(t, "ORDER\tSTATE\tRESERVED\tRELEASED\tCHARGED\tREFUNDED\tCURRENCY\tSHIPPED")
	for _, o := range r.Orders {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%d\n",
			o.OrderID, o.State, o.Reserved, o.Released, o.Charged, o.Refunded, o.Currency, o.Shipped)
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	fmt.Fprintf(w, "\n%d orders, %d commands received, %d of them more than once, %d conflicts\n",
		len(r.Orders), len(r.Commands), repeated(r.Commands), len(r.Conflicts))
	for _, problem := range r.Problems {
		fmt.Fprintln(w, "OFF:", problem)
	}
	verdict := "The books balance."
	if !r.Balanced {
		verdict = "The books do NOT balance."
	}
	if _, err := fmt.Fprintln(w, verdict); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

func repeated(commands []received) int {
	n := 0
	for _, c := range commands {
		if c.Deliveries > 1 {
			n++
		}
	}
	return n
}
