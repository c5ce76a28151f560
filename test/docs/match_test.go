package docs

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var (
	varying = regexp.MustCompile(`…|[0-9a-f]{12,}|-[0-9a-z]{8,10}\b|(?:[0-9]+[smhd])+|[0-9]+`)
	// standsFor is what each of these may be in truth, by its looks.
	standsFor = []struct{ like, be *regexp.Regexp }{
		{regexp.MustCompile(`^…$`), regexp.MustCompile(`.*`)},
		{regexp.MustCompile(`^[0-9a-f]{12,}$`), regexp.MustCompile(`[0-9a-f]+`)},
		{regexp.MustCompile(`^-.*[0-9]`), regexp.MustCompile(`-[0-9a-z-]+`)},
		{regexp.MustCompile(`^([0-9]+[smhd])+$`), regexp.MustCompile(`(?:[0-9]+[smhd])+`)},
		{regexp.MustCompile(`^[0-9]+$`), regexp.MustCompile(`[0-9]+`)},
	}
)

// pattern is what a documented line stands for: any space between fields, and what varies.
func pattern(line string) *regexp.Regexp {
	var fields []string
	for _, field := range strings.Fields(line) {
		var b strings.Builder
		last := 0
		for _, at := range varying.FindAllStringIndex(field, -1) {
			b.WriteString(regexp.QuoteMeta(field[last:at[0]]))
			b.WriteString(placeholder(field[at[0]:at[1]]))
			last = at[1]
		}
		b.WriteString(regexp.QuoteMeta(field[last:]))
		fields = append(fields, b.String())
	}
	return regexp.MustCompile(`^\s*` + strings.Join(fields, `\s+`) + `\s*$`)
}

func placeholder(s string) string {
	for _, p := range standsFor {
		if p.like.MatchString(s) {
			return p.be.String()
		}
	}
	return regexp.QuoteMeta(s)
}

// missing is the first documented line that is not in what was printed, after those before it; empty: none.
func missing(documented []string, printed string) string {
	lines := strings.Split(printed, "\n")
	for _, want := range documented {
		if strings.TrimSpace(want) == "" || strings.TrimSpace(want) == "…" {
			continue
		}
		wanted, found := pattern(want), false
		for i, line := range lines {
			if wanted.MatchString(line) {
				lines, found = lines[i+1:], true
				break
			}
		}
		if !found {
			return want
		}
	}
	return ""
}

func TestWhatIsDocumentedIsFoundInWhatIsPrinted(t *testing.T) {
	const printed = "NAME     PHASE       AGE\ngift-2   Completed   1m5s\n{\"reservationId\":\"r-31e9316a2d85\"}\nrevision gift-pfc4hwhsk4\n"
	for _, c := range []struct {
		documented, missing string
	}{
		{"NAME PHASE AGE\ngift-2   Completed   14s", ""},
		{"gift-2 …", ""},
		{"…\nrevision gift-6f9c7d5b88", ""},
		{`{"reservationId":"r-000000000000"}`, ""},
		{"gift-2 Compensated 14s", "gift-2 Compensated 14s"},
		{"gift-2   Completed   14s\nNAME PHASE AGE", "NAME PHASE AGE"},
		{"gift-2 Completed", "gift-2 Completed"},
		{"gift-x …", "gift-x …"},
	} {
		t.Run(fmt.Sprintf("%q", c.documented), func(t *testing.T) {
			if got := missing(strings.Split(c.documented, "\n"), printed); got != c.missing {
				t.Errorf("missing is %q, not %q", got, c.missing)
			}
		})
	}
}
