package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
)

// deedReport is what the cast did for one subject: a trip, a delivery, a transfer or a subscription.
type deedReport struct {
	Subject string   `json:"subject"`
	Done    []string `json:"done"`   // <member>.<command>, in the order of the cast
	Undone  []string `json:"undone"` // done, and undone again
}

// newCastBooks is the subcommand that prints the books of the cast.
func newCastBooks() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "books",
		Short: "Prints what the cast did for whom, and what of it was undone",
		Long:  "Prints what the cast did for whom, and what of it was undone. It ends with 1 when a command took effect twice.",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			reports, err := readDeeds(c.Context(), c.Flag("data").Value.String())
			if err != nil {
				return err
			}
			return printDeeds(c.OutOrStdout(), reports, output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "table", "table or json")
	return c
}

// readDeeds reads the books of all members below dir, sorted by subject. An error says as well what took effect twice.
func readDeeds(ctx context.Context, dir string) ([]deedReport, error) {
	bySubject := map[string]*deedReport{}
	for _, member := range cast {
		db, err := openToRead(dir, member.name)
		if err != nil {
			return nil, err
		}
		if db == nil {
			continue // it never ran here
		}
		if err := errors.Join(readMember(ctx, db, member.name, bySubject), db.Close()); err != nil {
			return nil, fmt.Errorf("reading the books of %s: %w", member.name, err)
		}
	}
	reports := []deedReport{}
	for _, subject := range slices.Sorted(maps.Keys(bySubject)) {
		reports = append(reports, *bySubject[subject])
	}
	return reports, nil
}

func readMember(ctx context.Context, db *sql.DB, member string, bySubject map[string]*deedReport) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning: %w", err)
	}
	err = each(ctx, tx, `SELECT subject, deed, undone FROM deeds WHERE deed <> 'nothing' ORDER BY rowid`, func(scan scanner) error {
		var subject, deed string
		var undone bool
		if err := scan(&subject, &deed, &undone); err != nil {
			return err
		}
		r := bySubject[subject]
		if r == nil {
			r = &deedReport{Subject: subject, Done: []string{}, Undone: []string{}}
			bySubject[subject] = r
		}
		list := &r.Done
		if undone {
			list = &r.Undone
		}
		*list = append(*list, member+"."+deed)
		return nil
	})
	twice := each(ctx, tx, `SELECT forward_key, direction, COUNT(*) FROM effects GROUP BY 1, 2 HAVING COUNT(*) > 1`, func(scan scanner) error {
		var key, direction string
		var times int
		return errors.Join(scan(&key, &direction, &times), fmt.Errorf("key %s took effect %d times, %s", key, times, direction))
	})
	return errors.Join(err, twice, tx.Rollback())
}

func printDeeds(w io.Writer, reports []deedReport, output string) error {
	switch output {
	case "json":
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(reports)
	case "table":
	default:
		return fmt.Errorf("--output must be table or json, not %q", output)
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FOR\tDONE\tDONE AND UNDONE")
	for _, r := range reports {
		fmt.Fprintf(table, "%s\t%s\t%s\n", r.Subject, listed(r.Done), listed(r.Undone))
	}
	return table.Flush()
}

func listed(deeds []string) string {
	if len(deeds) == 0 {
		return "-"
	}
	return strings.Join(deeds, ", ")
}
