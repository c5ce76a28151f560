package docs

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

var (
	linkOf    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headingOf = regexp.MustCompile(`(?m)^#+ (.+)$`)
	fenced    = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	dropped   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the names by which a document's headings are linked to.
func anchors(text string) map[string]bool {
	all := map[string]bool{}
	for _, heading := range headingOf.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := strings.ToLower(linkOf.ReplaceAllString(heading[1], ""))
		all[strings.ReplaceAll(dropped.ReplaceAllString(name, ""), " ", "-")] = true
	}
	return all
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil || len(files) < 5 {
		t.Fatalf("%d documents, %v", len(files), err)
	}
	checked := 0
	for _, file := range append(files, filepath.Join(root, readme), filepath.Join(root, "CONTRIBUTING.md")) {
		if filepath.Base(file) == "reference.md" {
			continue // it is generated, and its patterns look like links
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range linkOf.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
			target, err := url.Parse(link[1])
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if target.Host != "" {
				continue
			}
			checked++
			if problem := leads(file, string(text), target); problem != "" {
				t.Errorf("%s: the link %s %s", filepath.Base(file), link[1], problem)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d links were looked at", checked)
	}
}

// leads says what is wrong with a link of a document; empty: nothing.
func leads(file, text string, target *url.URL) string {
	if target.Path != "" {
		path := filepath.Join(filepath.Dir(file), target.Path)
		content, err := os.ReadFile(path)
		if info, gone := os.Stat(path); gone != nil || err != nil && !info.IsDir() {
			return "leads to nothing"
		}
		text = string(content)
	}
	if target.Fragment != "" && !anchors(text)[target.Fragment] {
		return "leads to no heading"
	}
	return ""
}
