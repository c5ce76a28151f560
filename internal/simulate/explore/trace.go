package explore

import (
	"fmt"
)

// line is one sentence of a life. Lines that follow each other in one group say the same of later attempts.
type line struct {
	text  string
	group string // empty: stands for itself
	short string // what a folded line is called
}

// tell turns a path into numbered sentences; of a group of more than three the first and the last are told.
func tell(first *link) []string {
	var lines []line
	for l := first; l != nil; l = l.next {
		lines = append(lines, l.line)
	}
	var told []string
	say := func(text string) { told = append(told, text) }
	for i := 0; i < len(lines); {
		j := i + 1
		for j < len(lines) && lines[i].group != "" && lines[j].group == lines[i].group {
			j++
		}
		if j-i <= 3 {
			for _, l := range lines[i:j] {
				say(l.text)
			}
		} else {
			say(lines[i].text)
			say(fmt.Sprintf("… and so it goes with %s to %s …", lines[i+1].short, lines[j-2].short))
			say(lines[j-1].text)
		}
		i = j
	}
	return told
}
