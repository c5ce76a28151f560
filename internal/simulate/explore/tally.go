package explore

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// tally is what became of all lives that begin in one world. It never changes once it is remembered.
type tally struct {
	runs  int
	ends  map[ending]*outcome
	spent []time.Duration // by step and direction: the longest
}

// ending tells ways to end from each other.
type ending struct{ phase, detail string }

// outcome is what is known of the lives with one ending.
type outcome struct {
	runs    int
	longest time.Duration
	path    path
}

// path is the shortest way to an ending: of the fewest faults, then of the fewest lines, then the first in order.
type path struct {
	faults int
	lines  int
	first  *link
}

type link struct {
	line
	next *link
}

func newTally(steps int) *tally {
	return &tally{ends: map[ending]*outcome{}, spent: make([]time.Duration, 2*steps)}
}

// add counts the lives of other, which had so many faults more.
func (t *tally) add(other *tally, faults int) {
	t.runs += other.runs
	for i, d := range other.spent {
		t.spent[i] = max(t.spent[i], d)
	}
	for e, o := range other.ends {
		p := o.path
		p.faults += faults
		mine, ok := t.ends[e]
		if !ok {
			t.ends[e] = &outcome{runs: o.runs, longest: o.longest, path: p}
			continue
		}
		mine.runs += o.runs
		mine.longest = max(mine.longest, o.longest)
		if p.shorter(mine.path) {
			mine.path = p
		}
	}
}

func (p path) shorter(q path) bool {
	return cmp.Or(cmp.Compare(p.faults, q.faults), cmp.Compare(p.lines, q.lines)) < 0
}

// after returns the tally of the same lives, told from some lines earlier.
func (t *tally) after(lines []line) *tally {
	if len(lines) == 0 {
		return t
	}
	told := &tally{runs: t.runs, spent: t.spent, ends: make(map[ending]*outcome, len(t.ends))}
	for e, o := range t.ends {
		own := *o
		for _, l := range slices.Backward(lines) {
			own.path.first = &link{line: l, next: own.path.first}
			own.path.lines++
		}
		told.ends[e] = &own
	}
	return told
}

// report turns a tally into what people read.
func (x *explorer) report(t *tally, faults int) Report {
	r := Report{Runs: t.runs, Faults: faults}
	for e, o := range t.ends {
		r.Ends = append(r.Ends, End{Phase: e.phase, Detail: e.detail, Runs: o.runs, Faults: o.path.faults, Longest: o.longest, Trace: tell(o.path.first)})
		if e.phase != Breach {
			r.Longest = max(r.Longest, o.longest)
		}
	}
	slices.SortFunc(r.Ends, func(a, b End) int {
		return cmp.Or(cmp.Compare(rank(a.Phase), rank(b.Phase)), cmp.Compare(a.Faults, b.Faults), strings.Compare(a.Detail, b.Detail))
	})
	for i, s := range x.Definition.Steps {
		r.Steps = append(r.Steps, StepTime{Step: s.Name, Forward: t.spent[2*i], Backward: t.spent[2*i+1]})
	}
	return r
}

// rank orders phases: what is wrong first.
func rank(phase string) int {
	return slices.Index([]string{Breach, "Completed", "Compensated", "NeedsIntervention"}, phase)
}
