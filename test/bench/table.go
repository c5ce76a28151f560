package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// table is a title and rows of the same length; the first row is the head.
type table struct {
	title string
	rows  [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// text writes the table with aligned columns.
func (t *table) text(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 3, ' ', 0)
	fmt.Fprintf(w, "\n%s\n", t.title)
	for _, row := range t.rows {
		fmt.Fprintf(w, "  %s\n", strings.Join(row, "\t"))
	}
	return w.Flush()
}

// markdown writes the table for docs/performance.md.
func (t *table) markdown(out io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n**%s**\n\n", t.title)
	for i, row := range t.rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
