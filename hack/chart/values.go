package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	tableStart = "<!-- values: make generate -->\n"
	tableEnd   = "<!-- end of values -->"
)

// values writes the table of values into the chart's README, from the comments of values.yaml that start with "--".
func (t tree) values() error {
	raw, err := os.ReadFile(filepath.Join(t.chart, "values.yaml"))
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	table, err := valuesTable(raw)
	if err != nil {
		return err
	}
	readme, err := os.ReadFile(filepath.Join(t.chart, "README.md"))
	if err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	before, rest, found := strings.Cut(string(readme), tableStart)
	_, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		return fmt.Errorf("README.md lacks %q or %q", tableStart, tableEnd)
	}
	return t.write("README.md", before+tableStart+table+tableEnd+after)
}

var keyLine = regexp.MustCompile(`^( *)([A-Za-z]+):(.*)$`)

// valuesTable is a Markdown table of all documented values, in their order. Errors: a value that neither has a comment nor
// lies below one that has.
func valuesTable(raw []byte) (string, error) {
	var defaults object
	if err := yaml.Unmarshal(raw, &defaults); err != nil {
		return "", fmt.Errorf("reading values.yaml: %w", err)
	}
	var table strings.Builder
	table.WriteString("| value | default | meaning |\n|---|---|---|\n")
	var path, comment []string
	documented := "" // the value whose parts need no comment of their own
	for number, line := range strings.Split(string(raw), "\n") {
		if text, isComment := strings.CutPrefix(strings.TrimSpace(line), "#"); isComment {
			comment = append(comment, strings.TrimSpace(text))
			continue
		}
		key := keyLine.FindStringSubmatch(line)
		if key == nil {
			comment = nil
			continue
		}
		path = append(path[:min(len(key[1])/2, len(path))], key[2])
		name, text := strings.Join(path, "."), strings.Join(comment, " ")
		comment = nil
		switch {
		case strings.HasPrefix(text, "-- "):
			documented = name + "."
			fmt.Fprintf(&table, "| `%s` | `%s` | %s |\n", name, defaultOf(defaults, path), strings.ReplaceAll(text[3:], "|", `\|`))
		case documented != "" && strings.HasPrefix(name, documented):
		case strings.TrimSpace(key[3]) != "":
			return "", fmt.Errorf("values.yaml:%d: %s has no comment that starts with '# --'", number+1, name)
		}
	}
	return table.String(), nil
}

// defaultOf is a value as JSON.
func defaultOf(values object, path []string) string {
	var value any = values
	for _, key := range path {
		table, _ := value.(object)
		value = table[key]
	}
	text, err := json.Marshal(value)
	if err != nil { // cannot be: it comes from YAML
		return fmt.Sprint(value)
	}
	return string(text)
}
