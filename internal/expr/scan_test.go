package expr

import (
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// anyText draws strings in which the scanner's signs are frequent.
func anyText() *rapid.Generator[string] {
	sign := rapid.SampledFrom([]string{"$", "{", "}", "${", "$${", "'", `"`, `\`, "r'", "//", "\n", "a", "ż", "`", "'''"})
	pieces := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(sign, 0, 12).Draw(t, "signs"), "") })
	return rapid.OneOf(pieces, rapid.String())
}

func TestEscapedTextRendersToItself(t *testing.T) {
	c := compiler(t)
	rapid.Check(t, func(t *rapid.T) {
		want := anyText().Draw(t, "text")
		if got := renderedText(t, c, Escape(want)); got != valid(want) {
			t.Fatalf("%q escaped to %q rendered to %q", want, Escape(want), got)
		}
	})
}

func TestTextAndExpressionsAlternate(t *testing.T) {
	c := compiler(t)
	rapid.Check(t, func(t *rapid.T) {
		template, want := "-", "-" // never a single expression, which is no splice
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			if s := anyText().Draw(t, "text"); rapid.Bool().Draw(t, "literal") {
				template, want = appendLiteral(template, want, s)
			} else {
				template += "${" + quoted(t, s) + "}"
				want += valid(s)
			}
		}
		if got := renderedText(t, c, template); got != want {
			t.Fatalf("%q rendered to %q, want %q", template, got, want)
		}
	})
}

// appendLiteral adds literal text. A $ at its end would read together with the ${ after it, so it gets an end.
func appendLiteral(template, want, s string) (string, string) {
	s = valid(s) + "."
	return template + Escape(s), want + s
}

// quoted writes s as a CEL string in one of the forms that can hold it.
func quoted(t *rapid.T, s string) string {
	s = valid(s)
	raw := !strings.ContainsAny(s, "'\n\r")
	if raw && rapid.Bool().Draw(t, "raw") {
		return rapid.SampledFrom([]string{"r", "R"}).Draw(t, "prefix") + "'" + s + "'"
	}
	quote := rapid.SampledFrom([]string{"'", `"`, "'''", `"""`}).Draw(t, "quote")
	s = strings.NewReplacer(`\`, `\\`, "'", `\'`, `"`, `\"`, "\n", `\n`, "\r", `\r`).Replace(s)
	return quote + s + quote
}

// valid is s as JSON can carry it.
func valid(s string) string { return strings.ToValidUTF8(strings.ToValidUTF8(s, "\uFFFD"), "\uFFFD") }

func renderedText(t *rapid.T, c *Compiler, text string) string {
	raw, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	template, err := c.Compile(raw, order)
	if err != nil {
		t.Fatalf("%q does not compile: %v", text, err)
	}
	out, err := template.Render(orderValues)
	if err != nil {
		t.Fatalf("%q does not render: %v", text, err)
	}
	var got string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%q rendered to %s, which is no JSON string: %v", text, out, err)
	}
	return got
}
