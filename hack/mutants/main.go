// Mutants breaks the engine on purpose, one rule at a time and never on disk, and checks that the property tests of
// internal/simulate find out. It must be called in the root of the repository.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// mutant is one replacement in the engine.
type mutant struct {
	rule string // that it breaks
	file string // in internal/engine
	from string // must be there exactly once
	to   string
}

var mutants = []mutant{
	{
		rule: "undoing runs in reverse: a step waits until all that builds on it is undone",
		file: "undo.go", from: "if d.undoable(i) && d.followersUndone(i) {", to: "if d.undoable(i) {",
	},
	{
		rule: "the pivot is a barrier: it waits for all steps before it",
		file: "compile.go", from: "after = all(i)", to: "after = 0",
	},
	{
		rule: "the pivot is a barrier: nothing turns back while it is in flight",
		file: "advance.go", from: "if d.committed(d.s) || d.pivotInFlight(d.s) {", to: "if d.committed(d.s) {",
	},
	{
		rule: "an unknown outcome is undone: attempts that end without an answer may have had an effect",
		file: "retry.go",
		from: "st.State = v1alpha1.StepUnknown", to: "st.State = v1alpha1.StepFailed",
	},
	{
		rule: "an unknown outcome is undone: a refusal says nothing about an earlier attempt that nobody answered",
		file: "reply.go", from: "answered := x.Unanswered == 0 && (x.Outcome", to: "answered := true || (x.Outcome",
	},
	{
		rule: "an event counts once",
		file: "occur.go", from: "if d.ended() || knows(d.s, id) {", to: "if d.ended() {",
	},
}

const engine = "internal/engine"

func main() {
	schedules := flag.Int("schedules", 50_000, "how many schedules may be needed to find one")
	only := flag.String("only", "", "try those alone whose rule contains this")
	flag.Parse()
	if err := run(*schedules, *only); err != nil {
		fmt.Fprintln(os.Stderr, "error: "+err.Error())
		os.Exit(1)
	}
}

func run(schedules int, only string) error {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return fmt.Errorf("making a place for mutants: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var missed []error
	for _, m := range mutants {
		if !strings.Contains(m.rule, only) {
			continue
		}
		found, err := m.find(dir, schedules)
		if err != nil {
			return fmt.Errorf("%s: %w", m.rule, err)
		}
		if found == "" {
			missed = append(missed, fmt.Errorf("%d schedules did not find an engine that breaks: %s", schedules, m.rule))
			continue
		}
		fmt.Printf("found: %s\n       %s\n", m.rule, found)
	}
	return errors.Join(missed...)
}

// broken returns the engine's file with the replacement. Its error says that the code is no longer what the mutant was made for.
func (m mutant) broken(root string) (string, error) {
	source, err := os.ReadFile(filepath.Join(root, engine, m.file))
	if err != nil {
		return "", fmt.Errorf("reading what is to be broken: %w", err)
	}
	if n := strings.Count(string(source), m.from); n != 1 {
		return "", fmt.Errorf("%s/%s has %q %d times, and must have it once", engine, m.file, m.from, n)
	}
	return strings.Replace(string(source), m.from, m.to, 1), nil
}

// failure is the line of a property test that says what is broken.
var failure = regexp.MustCompile(`_test\.go:\d+: (seed \d+: .*)`)

// find runs the property tests on the broken engine, and returns what they say; nothing where they pass.
func (m mutant) find(dir string, schedules int) (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	source, err := m.broken(root)
	if err != nil {
		return "", err
	}
	file, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]any{"Replace": map[string]string{filepath.Join(root, engine, m.file): file}})
	if err != nil {
		return "", err
	}
	for path, text := range map[string]string{file: source, overlay: string(replace)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("writing the broken engine: %w", err)
		}
	}
	command := exec.Command("go", "test", "-count=1", "-vet=off", "-timeout=30m", "-overlay="+overlay, "-run=WhateverHappens",
		"./internal/simulate", fmt.Sprintf("-schedules=%d", schedules))
	output, err := command.CombinedOutput()
	found := failure.FindSubmatch(output)
	switch {
	case err == nil:
		return "", nil
	case found == nil:
		return "", fmt.Errorf("running the property tests: %w\n%s", err, output)
	}
	return string(found[1])[:min(len(found[1]), 160)], nil
}
