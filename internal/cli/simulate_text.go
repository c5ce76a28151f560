package cli

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/sagas-dev/saga-operator/internal/simulate/explore"
)

// writeProved writes what was found out, for people.
func writeProved(out io.Writer, p proved, traces bool) {
	fmt.Fprintf(out, "%s (%s), params: %s\n", p.Name, p.File, p.Params)
	if p.Refused != "" {
		fmt.Fprintf(out, "The operator would not take it: %s\n", p.Refused)
	}
	verdict := "every life ends as it should"
	if n := len(p.Report.Breaches()); n > 0 {
		verdict = fmt.Sprintf("%d of their ends must not be", n)
	}
	fmt.Fprintf(out, "%s, played in %.1fs: %s.\n\n", lives(p.Report), p.Seconds, verdict)
	writeEnds(out, p.Report)
	writeTimes(out, p.Report)
	for _, e := range p.Report.Ends {
		if shown(e, traces) {
			writeTrace(out, e)
		}
	}
}

func lives(r explore.Report) string {
	switch {
	case r.Faults > 0:
		return fmt.Sprintf("%d lives with at most %s", r.Runs, faults(r.Faults))
	case r.Runs == 1:
		return "1 life without faults"
	}
	return fmt.Sprintf("%d lives without faults", r.Runs)
}

func faults(n int) string {
	switch n {
	case 0:
		return "no fault"
	case 1:
		return "one fault"
	}
	return "two faults"
}

func writeEnds(out io.Writer, r explore.Report) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "END\tLIVES\tFAULTS\tAT MOST\tWHAT")
	for _, e := range r.Ends {
		fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", e.Phase, e.Runs, e.Faults, spell(e.Longest), e.Detail)
	}
	fmt.Fprintln(table)
	_ = table.Flush() // writes to out, whose errors nobody could be told of
}

func writeTimes(out io.Writer, r explore.Report) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STEP\tDOING IT, AT MOST\tUNDOING IT, AT MOST")
	for _, s := range r.Steps {
		fmt.Fprintf(table, "%s\t%s\t%s\n", s.Step, spell(s.Forward), spell(s.Backward))
	}
	fmt.Fprintf(table, "all\t%s\t\n\n", spell(r.Longest))
	_ = table.Flush()
}

// spell rounds a duration to seconds.
func spell(d time.Duration) string { return d.Round(time.Second).String() }

// shown says whether the shortest life of an end is told: always that of a breach.
func shown(e explore.End, all bool) bool {
	return all || e.Phase == explore.Breach || e.Phase == "NeedsIntervention" && e.Faults <= 1
}

func writeTrace(out io.Writer, e explore.End) {
	fmt.Fprintf(out, "%s: how it comes to that, with %s\n", e.Phase, faults(e.Faults))
	for i, sentence := range e.Trace {
		fmt.Fprintf(out, "%4d. %s\n", i+1, sentence)
	}
	if e.Phase == explore.Breach {
		fmt.Fprintf(out, "      Wrong: %s\n", e.Detail)
	}
	fmt.Fprintln(out)
}
