package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"
)

// screen is what the demo writes to. In a terminal the table stays at the bottom and is drawn in place; elsewhere each
// change of an order is a line. It is used by one goroutine.
type screen struct {
	out     io.Writer
	width   func() int // of the terminal, in characters; nil where the output is none
	started time.Time

	block []string          // the table as it is drawn
	shown map[string]string // elsewhere: the last line of each order
}

// newScreen writes to out, which may be a terminal.
func newScreen(out io.Writer) *screen {
	s := &screen{out: out, started: time.Now(), shown: map[string]string{}}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		s.width = func() int {
			width, _, err := term.GetSize(int(f.Fd()))
			if err != nil || width < 1 {
				return 80
			}
			return width
		}
	}
	return s
}

// say writes a line that stays, above the table; elsewhere with the time since the start.
func (s *screen) say(format string, args ...any) {
	block := s.erase()
	text := fmt.Sprintf(format, args...)
	if s.width == nil {
		text = fmt.Sprintf("[%5.1fs] %s", time.Since(s.started).Seconds(), text)
	}
	fmt.Fprintln(s.out, text)
	s.draw(block)
}

// pause writes an empty line.
func (s *screen) pause() { s.print("") }

// print writes text as it is, above the table.
func (s *screen) print(text string) {
	block := s.erase()
	fmt.Fprintln(s.out, strings.TrimRight(text, "\n"))
	s.draw(block)
}

// show brings the table up to date.
func (s *screen) show(orders []order) {
	if s.width == nil {
		s.showChanges(orders)
		return
	}
	lines := table(orders)
	for i := range lines {
		lines[i] = cut(lines[i], s.width()-1)
	}
	if slices.Equal(lines, s.block) {
		return
	}
	s.erase()
	s.draw(lines)
}

func (s *screen) showChanges(orders []order) {
	for _, o := range orders {
		if text := line(o); s.shown[o.name] != text {
			s.shown[o.name] = text
			s.say("%s", text)
		}
	}
}

// leave lets the table stay where it is: what follows is written below it.
func (s *screen) leave() { s.block = nil }

// erase takes the table away and returns it.
func (s *screen) erase() []string {
	block := s.block
	if len(block) > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\r\x1b[J", len(block)) // up to its first line, clear all below
	}
	s.block = nil
	return block
}

func (s *screen) draw(block []string) {
	for _, text := range block {
		fmt.Fprintln(s.out, text)
	}
	s.block = block
}

// cut shortens a line so that the terminal does not wrap it, which would make erase miss its place.
func cut(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width || width < 1 {
		return text
	}
	return string(runes[:width-1]) + "…"
}
