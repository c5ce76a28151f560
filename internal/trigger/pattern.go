package trigger

import (
	"slices"
	"strings"
)

// pattern is the pattern of a type, taken apart at its stars: each stands for any run of characters.
type pattern []string

func patternsOf(texts []string) []pattern {
	patterns := make([]pattern, len(texts))
	for i, text := range texts {
		patterns[i] = strings.Split(text, "*")
	}
	return patterns
}

// takes says whether one of the patterns fits the type; where there are none, every type does.
func takes(patterns []pattern, kind string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p pattern) bool { return p.fits(kind) })
}

// fits looks for the parts in order, each as early as possible; the first stands at the beginning and the last at the end.
func (p pattern) fits(kind string) bool {
	first, last := p[0], p[len(p)-1]
	if len(p) == 1 {
		return kind == first
	}
	if len(kind) < len(first)+len(last) || !strings.HasPrefix(kind, first) || !strings.HasSuffix(kind, last) {
		return false
	}
	rest := kind[len(first) : len(kind)-len(last)]
	for _, part := range p[1 : len(p)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return true
}
