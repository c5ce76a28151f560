package docs

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// Kinds of marks.
const (
	test      = "test"
	notTested = "not tested"
	output    = "output"
	do        = "do"
	none      = ""
)

// block is a fenced block of a document, or a mark that no block follows.
type block struct {
	file string
	line int
	lang string
	mark string // kind of the mark before it
	what string // what the mark says: a scenario, a reason, what to do
	text []string
}

func (b block) String() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// commands says whether people type what stands in the block.
func (b block) commands() bool {
	switch b.lang {
	case "bash", "sh", "shell":
		return true
	case "console":
		return len(b.typed()) > 0
	}
	return false
}

// typed are the commands of a console block, each with the lines that it prints.
func (b block) typed() (all []typed) {
	for _, line := range b.text {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			all = append(all, typed{command: command})
		} else if len(all) > 0 {
			all[len(all)-1].prints = append(all[len(all)-1].prints, line)
		}
	}
	return all
}

type typed struct {
	command string
	prints  []string
}

var (
	markOf  = regexp.MustCompile(`^<!-- (test|not tested|output|do)(?:: (.*))? -->$`)
	fenceOf = regexp.MustCompile("^( *)```([a-z]*)$")
)

// blocksOf reads a document, or the part of it below a heading.
func blocksOf(t *testing.T, file, heading string) []block {
	t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // only read
	blocks, err := parse(bufio.NewScanner(f), file, heading)
	if err != nil {
		t.Fatal(err)
	}
	return blocks
}

func parse(lines *bufio.Scanner, file, heading string) ([]block, error) {
	p := parser{file: file, inside: heading == "", heading: heading}
	for lines.Scan() {
		p.line++
		if err := p.take(lines.Text()); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, p.line, err)
		}
	}
	if p.open != nil {
		return nil, fmt.Errorf("%s: the block of line %d does not end", file, p.open.line)
	}
	return p.blocks, lines.Err()
}

type parser struct {
	file, heading string
	inside        bool // the part that is asked for
	line          int
	open          *block
	indent        string // of the open block, as a step of a list
	mark          block  // the last mark, until something else follows
	blocks        []block
}

func (p *parser) take(line string) error {
	if p.open != nil {
		line = strings.TrimPrefix(line, p.indent)
		if line == "```" {
			p.blocks, p.open = append(p.blocks, *p.open), nil
			return nil
		}
		p.open.text = append(p.open.text, line)
		return nil
	}
	if p.heading != "" && strings.HasPrefix(line, "#") {
		level := func(s string) int { return len(s) - len(strings.TrimLeft(s, "#")) }
		p.inside = line == p.heading || p.inside && level(line) > level(p.heading)
	}
	if !p.inside {
		return nil
	}
	bare := strings.TrimSpace(line)
	switch mark, fence := markOf.FindStringSubmatch(bare), fenceOf.FindStringSubmatch(line); {
	case mark != nil && mark[1] == do:
		p.blocks = append(p.blocks, block{file: p.file, line: p.line, mark: do, what: mark[2]})
	case mark != nil:
		p.mark = block{mark: mark[1], what: mark[2]}
	case strings.HasPrefix(bare, "<!-- test") || strings.HasPrefix(bare, "<!-- not tested"):
		return fmt.Errorf("this mark is not understood: %s", line)
	case fence != nil:
		p.indent = fence[1]
		p.open = &block{file: p.file, line: p.line, lang: fence[2], mark: p.mark.mark, what: p.mark.what}
		p.mark = block{}
	case line != "" && p.mark.mark != none:
		return fmt.Errorf("a mark stands right before its block, not before %q", line)
	}
	return nil
}
