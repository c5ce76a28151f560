package config

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Table is the Markdown table of all flags that docs/configuration.md shows.
func Table() string {
	var table strings.Builder
	table.WriteString("| flag | environment | default | meaning |\n|---|---|---|---|\n")
	flagsOf(&Config{}).VisitAll(func(f *pflag.Flag) {
		environment := "`" + EnvName(f.Name) + "`"
		if f.Name == "version" {
			environment = "–"
		}
		_, usage := pflag.UnquoteUsage(f)
		fmt.Fprintf(&table, "| `--%s` | %s | %s | %s |\n", f.Name, environment, defaultOf(f), sentence(usage))
	})
	return table.String()
}

func defaultOf(f *pflag.Flag) string {
	if f.DefValue == "" || f.DefValue == "[]" {
		return ""
	}
	return "`" + f.DefValue + "`"
}

// sentence writes a flag's usage as a sentence that is safe in a table.
func sentence(usage string) string {
	usage = strings.NewReplacer("|", `\|`, "<", "&lt;", ">", "&gt;").Replace(usage)
	first := strings.ToUpper(usage[:1])
	return first + usage[1:] + "."
}
