package expr

import "strings"

// part is a piece of a template string: either literal text, or the source of one expression.
type part struct {
	text  string
	isCEL bool
}

// Escape returns a template string that renders to s, whatever s holds.
func Escape(s string) string {
	return strings.ReplaceAll(s, "${", "$${")
}

// scan splits a template string. Neighbouring literal text comes as one part, without empty ones.
func scan(s string) ([]part, *Error) {
	var parts []part
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, part{text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(s); {
		switch {
		case strings.HasPrefix(s[i:], "$${"):
			literal.WriteString("${")
			i += len("$${")
		case strings.HasPrefix(s[i:], "${"):
			start := i + len("${")
			end := closing(s, start)
			if end < 0 {
				return nil, compileError("no } closes the ${ at character %d: close it, or write $${ for a literal ${", len([]rune(s[:i]))+1)
			}
			flush()
			parts = append(parts, part{text: s[start:end], isCEL: true})
			i = end + 1
		default:
			literal.WriteByte(s[i])
			i++
		}
	}
	flush()
	return parts, nil
}

// closing returns the index of the } that ends the expression which starts at i, or -1. Braces of maps nest, and
// those in strings and comments do not count.
func closing(s string, i int) int {
	depth := 0
	for i < len(s) {
		switch c := s[i]; {
		case c == '}' && depth == 0:
			return i
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == '/' && strings.HasPrefix(s[i:], "//"):
			i = skipComment(s, i)
			continue
		case c == '"' || c == '\'':
			i = skipQuoted(s, i, false)
			continue
		case isWord(c):
			end := wordEnd(s, i)
			if end < len(s) && (s[end] == '"' || s[end] == '\'') && isStringPrefix(s[i:end]) {
				end = skipQuoted(s, end, strings.ContainsAny(s[i:end], "rR"))
			}
			i = end
			continue
		}
		i++
	}
	return -1
}

// skipQuoted returns the index after the string whose opening quote is at i; len(s) where it does not end.
func skipQuoted(s string, i int, raw bool) int {
	quote := s[i : i+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(s[i:], triple) {
		quote = triple
	}
	for i += len(quote); i < len(s); i++ {
		if strings.HasPrefix(s[i:], quote) {
			return i + len(quote)
		}
		if s[i] == '\\' && !raw {
			i++
		}
	}
	return len(s)
}

func skipComment(s string, i int) int {
	if end := strings.IndexByte(s[i:], '\n'); end >= 0 {
		return i + end
	}
	return len(s)
}

func wordEnd(s string, i int) int {
	for i < len(s) && isWord(s[i]) {
		i++
	}
	return i
}

// isWord says whether c belongs to an identifier or a number: only a whole word before a quote can be its prefix.
func isWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// isStringPrefix says whether word makes a string raw or bytes. CEL knows br"…", but not rb"…".
func isStringPrefix(word string) bool {
	switch strings.ToLower(word) {
	case "r", "b", "br":
		return true
	}
	return false
}
