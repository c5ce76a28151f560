package main

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// table lays the orders out: a header and a line each, columns two spaces apart.
func table(orders []order) []string {
	rows := [][]string{append([]string{"ORDER", "CUSTOMER", "TOTAL", "ORDER IS", "SAGA IS"}, stepNames(orders)...)}
	for _, o := range orders {
		rows = append(rows, append([]string{o.name, o.customer, o.total, string(o.order), or(string(o.saga), "-")}, cells(o)...))
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i := range widths {
			if i < len(row) {
				widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
			}
		}
	}
	lines := make([]string, len(rows))
	for i, row := range rows {
		lines[i] = joined(row, widths)
	}
	return lines
}

func joined(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell)
		if i < len(row)-1 {
			b.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
	}
	return strings.TrimRight(b.String(), " ")
}

// stepNames are the steps of the first order that has any: the demo's orders all run the same definition.
func stepNames(orders []order) []string {
	for _, o := range orders {
		if len(o.steps) == 0 {
			continue
		}
		names := make([]string, len(o.steps))
		for i, s := range o.steps {
			names[i] = strings.ToUpper(s.Name)
		}
		return names
	}
	return nil
}

func cells(o order) []string {
	states := make([]string, len(o.steps))
	for i, s := range o.steps {
		states[i] = cell(s)
	}
	return states
}

// cell is a step's state, with the attempt where it is not the first, or the code of what went wrong.
func cell(s v1alpha1.StepStatus) string {
	x := s.Action
	if s.Compensation != nil {
		x = s.Compensation
	}
	switch {
	case s.State == v1alpha1.StepNotStarted:
		return "-"
	case s.State == v1alpha1.StepFailed && x != nil && x.Code != "":
		return fmt.Sprintf("%s %s", s.State, x.Code)
	case (s.State == v1alpha1.StepRunning || s.State == v1alpha1.StepCompensating) && x != nil && x.Attempt > 1:
		return fmt.Sprintf("%s #%d", s.State, x.Attempt)
	}
	return string(s.State)
}

// line is an order in one line, for output that is not a terminal.
func line(o order) string {
	words := make([]string, 0, len(o.steps)+1)
	words = append(words, fmt.Sprintf("%s  %s  %s  order %s, saga %s:", o.name, o.customer, o.total, o.order, or(string(o.saga), "-")))
	for _, s := range o.steps {
		words = append(words, s.Name+"="+cell(s))
	}
	return strings.TrimSuffix(strings.Join(words, " "), ":")
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
