package sample

import (
	"regexp/syntax"
	"strings"
	"unicode"
)

// formats are texts of the formats that JSON Schema knows.
var formats = map[string]string{
	"date-time": "2026-01-01T00:00:00Z", "date": "2026-01-01", "time": "00:00:00Z", "duration": "PT1S",
	"email": "a@example.com", "idn-email": "a@example.com", "hostname": "example.com", "idn-hostname": "example.com",
	"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uri": "https://example.com/", "iri": "https://example.com/", "uri-reference": "/a",
	"uuid": "00000000-0000-4000-8000-000000000000", "json-pointer": "/a", "regex": "a",
}

// maxText bounds the texts that are made, in bytes: a schema that asks for longer ones gets none that it takes.
const maxText = 16 << 10

// text returns a text for a schema of type string.
func text(s schema) string {
	least, _ := s["minLength"].(float64)
	least = min(least, maxText)
	if format, ok := s["format"].(string); ok && formats[format] != "" {
		return formats[format]
	}
	if pattern, ok := s["pattern"].(string); ok {
		if parsed, err := syntax.Parse(pattern, syntax.Perl); err == nil {
			return matching(parsed.Simplify(), int(least))
		}
	}
	value := "sample"
	if most, ok := s["maxLength"].(float64); ok && int(most) < len(value) {
		value = value[:int(most)]
	}
	return value + strings.Repeat("x", max(int(least)-len(value), 0))
}

// matching returns a short text that a pattern matches, of at least so many characters where its repetitions allow.
func matching(re *syntax.Regexp, least int) string {
	for more := 0; ; more++ {
		m := matcher{more: more}
		if value := m.of(re); len(value) >= least || !m.grows || more >= least { // what grows by nothing never gets there
			return value
		}
	}
}

// matcher repeats what may be repeated by so many times more than it must.
type matcher struct {
	more  int
	grows bool
}

func (m *matcher) of(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		return string(oneOf(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "a"
	case syntax.OpAlternate, syntax.OpCapture:
		return m.of(re.Sub[0])
	case syntax.OpStar:
		m.grows = true
		return strings.Repeat(m.of(re.Sub[0]), m.more)
	case syntax.OpPlus:
		m.grows = true
		return strings.Repeat(m.of(re.Sub[0]), 1+m.more)
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(m.of(sub))
		}
		return b.String()
	default: // anchors, what may be left out, and what matches nothing
		return ""
	}
}

// oneOf returns a character of ranges: a letter or digit, where one of them begins with it.
func oneOf(ranges []rune) rune {
	for i := 0; i < len(ranges); i += 2 {
		if unicode.IsLetter(ranges[i]) || unicode.IsDigit(ranges[i]) {
			return ranges[i]
		}
	}
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i] <= 'a' && 'a' <= ranges[i+1] {
			return 'a'
		}
	}
	if len(ranges) == 0 {
		return 'a'
	}
	return ranges[0]
}
