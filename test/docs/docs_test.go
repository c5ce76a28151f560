package docs

import (
	"bufio"
	"strings"
	"testing"
)

// The part of the README that is held to this.
const (
	readme        = "README.md"
	readmeSection = "## Install"
)

// documents are what is held to this: whole, or below a heading.
var documents = map[string]string{
	"docs/install.md": "", "docs/upgrade.md": "", "docs/sizing.md": "", "docs/restore.md": "", "docs/tutorial.md": "",
	readme: readmeSection,
}

// scenarios that some test of this package runs.
var scenarios = map[string]bool{
	"tutorial": true, "restore": true, "kafka": true, "install": true, "uninstall": true, "kustomize": true, "upgrade": true, "sizing": true, "readme": true,
}

func TestEveryCommandIsTestedOrSaysWhyNot(t *testing.T) {
	for file, heading := range documents {
		t.Run(file, func(t *testing.T) {
			tested, blocks := 0, blocksOf(t, file, heading)
			if heading != "" && len(blocks) == 0 {
				t.Fatalf("it has no section %q with commands", heading)
			}
			for _, b := range blocks {
				if problem := b.problem(); problem != "" {
					t.Errorf("%s: %s", b, problem)
				}
				if b.mark == test {
					tested++
				}
			}
			if tested == 0 {
				t.Error("no command of it is tested")
			}
		})
	}
}

// problem is what is wrong with a block's mark.
func (b block) problem() string {
	switch {
	case b.mark == test && !scenarios[b.what]:
		return "no test runs the scenario " + b.what
	case b.mark == test && !b.commands():
		return "there is no command in it"
	case b.mark == notTested && len(b.what) < 10:
		return "it must say why it is not tested"
	case b.commands() && b.mark != test && b.mark != notTested:
		return "put <!-- test: scenario --> or <!-- not tested: reason --> before it"
	}
	return ""
}

func TestAMarkThatIsMissingOrWrongIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		problem string
	}{
		"commands without a mark":      {"```bash\nls\n```", "put <!--"},
		"typed lines without a mark":   {"```console\n$ ls\n```", "put <!--"},
		"a scenario that nobody runs":  {"<!-- test: nothing -->\n```bash\nls\n```", "no test runs"},
		"no reason":                    {"<!-- not tested: no -->\n```bash\nls\n```", "must say why"},
		"a test of nothing":            {"<!-- test: install -->\n```yaml\na: 1\n```", "no command"},
		"an output that is no command": {"<!-- output -->\n```console\ntext\n```", ""},
		"a step of a list":             {"1. do\n\n   ```bash\n   ls\n   ```", "put <!--"},
		"a manifest":                   {"```yaml\na: 1\n```", ""},
		"what is well":                 {"<!-- test: install -->\n\n```bash\nls\n```", ""},
	} {
		t.Run(name, func(t *testing.T) {
			blocks, err := parse(bufio.NewScanner(strings.NewReader(c.text)), "x.md", "")
			if err != nil || len(blocks) != 1 {
				t.Fatalf("%d blocks, %v", len(blocks), err)
			}
			got := blocks[0].problem()
			if (got == "") != (c.problem == "") || !strings.Contains(got, c.problem) {
				t.Errorf("the problem is %q, not %q", got, c.problem)
			}
		})
	}
	for name, text := range map[string]string{
		"a mark before text":       "<!-- test: install -->\ntext\n",
		"a mark nobody knows":      "<!-- tested: install -->\n",
		"a block that has no end":  "```bash\nls\n",
		"a mark without its colon": "<!-- test install -->\n",
	} {
		t.Run(name, func(t *testing.T) {
			if blocks, err := parse(bufio.NewScanner(strings.NewReader(text)), "x.md", ""); err == nil {
				t.Errorf("it is taken for %v", blocks)
			}
		})
	}
}
