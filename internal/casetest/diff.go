package casetest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// messagesFit says whether all that was sent is what was expected, and nothing else was sent.
func (p *play) messagesFit() bool {
	want := p.k.Expect.Commands
	if len(want) != len(p.sent) {
		return false
	}
	if p.k.Expect.AnyOrder {
		return assignable(want, p.sent)
	}
	for i := range want {
		if len(want[i].fits(p.sent[i])) > 0 {
			return false
		}
	}
	return true
}

// assignable says whether each expected message can have a seen one of its own.
func assignable(want []Message, sent []Seen) bool {
	takenBy := make([]int, len(sent)) // index in want, plus one
	var place func(i int, tried []bool) bool
	place = func(i int, tried []bool) bool {
		for j := range sent {
			if tried[j] || len(want[i].fits(sent[j])) > 0 {
				continue
			}
			tried[j] = true
			if takenBy[j] == 0 || place(takenBy[j]-1, tried) {
				takenBy[j] = i + 1
				return true
			}
		}
		return false
	}
	for i := range want {
		if !place(i, make([]bool, len(sent))) {
			return false
		}
	}
	return true
}

// diff lays expected and seen messages beside each other: the longest common sequence unmarked, what is missing with -, what is
// there instead with +. Of a message of the right type whose content is not right, it says what is not. In any order, they are
// sorted by type.
func diff(want []Message, sent []Seen, anyOrder bool) []string {
	if anyOrder {
		want, sent = slices.Clone(want), slices.Clone(sent)
		slices.SortStableFunc(want, func(a, b Message) int { return cmp.Compare(a.Type, b.Type) })
		slices.SortStableFunc(sent, func(a, b Seen) int { return cmp.Compare(a.Type, b.Type) })
	}
	length := commonLengths(want, sent)
	var lines []string
	i, j := 0, 0
	for i < len(want) || j < len(sent) {
		switch {
		case i < len(want) && j < len(sent) && want[i].Type == sent[j].Type && length[i][j] == length[i+1][j+1]+1:
			lines = append(lines, both(want[i], sent[j])...)
			i, j = i+1, j+1
		case j == len(sent) || i < len(want) && length[i+1][j] >= length[i][j+1]:
			lines = append(lines, "- "+want[i].String())
			i++
		default:
			lines = append(lines, "+ "+describe(sent[j].Command))
			j++
		}
	}
	return lines
}

// commonLengths returns, at [i][j], how long the longest common sequence of want[i:] and sent[j:] is, by type.
func commonLengths(want []Message, sent []Seen) [][]int {
	length := make([][]int, len(want)+1)
	for i := range length {
		length[i] = make([]int, len(sent)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(sent) - 1; j >= 0; j-- {
			length[i][j] = max(length[i+1][j], length[i][j+1])
			if want[i].Type == sent[j].Type {
				length[i][j] = max(length[i][j], length[i+1][j+1]+1)
			}
		}
	}
	return length
}

func both(want Message, seen Seen) []string {
	wrong := want.fits(seen)
	if len(wrong) == 0 {
		return []string{"  " + describe(seen.Command)}
	}
	lines := []string{"- " + want.String(), "+ " + describe(seen.Command)}
	for _, w := range wrong {
		lines = append(lines, "    "+w)
	}
	return lines
}

// String is the message for people.
func (m Message) String() string {
	var more []string
	if m.Step != "" {
		more = append(more, m.Step)
	}
	if m.Compensation != nil && *m.Compensation {
		more = append(more, "undoing")
	}
	if m.Round != 0 {
		more = append(more, fmt.Sprintf("round %d", m.Round))
	}
	if m.Attempt != 0 {
		more = append(more, fmt.Sprintf("attempt %d", m.Attempt))
	}
	if len(more) == 0 {
		return m.Type
	}
	return m.Type + " (" + strings.Join(more, ", ") + ")"
}
