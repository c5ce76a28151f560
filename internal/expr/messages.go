package expr

import (
	"fmt"
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common"
)

// issueError turns CEL's list of issues into one line: the first by place, and how many there are besides.
func (p place) issueError(issues *cel.Issues) *Error {
	all := issues.Errors()
	if len(all) == 0 {
		return compileError("%s", oneLine(issues.Err().Error()))
	}
	first := all[0]
	for _, e := range all[1:] {
		if before(e, first) {
			first = e
		}
	}
	message := p.explainIssue(first.Message)
	if len(all) > 1 {
		message += fmt.Sprintf(" (and %d more)", len(all)-1)
	}
	err := compileError("%s", message)
	if first.Location != nil && first.Location.Line() > 0 {
		err.Line, err.Column = first.Location.Line(), first.Location.Column()+1
	}
	return err
}

func before(a, b *common.Error) bool {
	if a.Location == nil || b.Location == nil {
		return false
	}
	if a.Location.Line() != b.Location.Line() {
		return a.Location.Line() < b.Location.Line()
	}
	return a.Location.Column() < b.Location.Column()
}

// explainIssue leaves out of CEL's messages what says nothing to the writer of a definition, and adds what does.
func (p place) explainIssue(message string) string {
	message = strings.ReplaceAll(message, " (in container '')", "")
	message, _, _ = strings.Cut(message, " expecting {")
	switch {
	case strings.HasPrefix(message, syntaxError):
		message = explainSyntax(strings.TrimPrefix(message, syntaxError))
	case message == "comprehension exceeds nesting limit":
		message = fmt.Sprintf("more than %d comprehensions (map, filter, all, exists) stand inside each other or in a chain", maxComprehensions)
	case strings.HasPrefix(message, "undeclared reference to '"):
		message += p.otherwise(message)
	case message == "invalid matches argument":
		message = fmt.Sprintf("the pattern is not RE2, or larger than %d instructions", maxRegexProgram)
	}
	return oneLine(message)
}

const syntaxError = "Syntax error: "

var (
	tooEarly    = regexp.MustCompile(`^(?:mismatched input|missing '(.+)' at) '<EOF>'$`)
	nothingFits = regexp.MustCompile(`^no viable alternative at input '(.+)'$`)
	strayToken  = regexp.MustCompile(`^token recognition error at: '(?s:(.+))'$`)
)

// explainSyntax says in words what the parser says in terms of its grammar, where these are the mistakes that are made most.
func explainSyntax(message string) string {
	if m := tooEarly.FindStringSubmatch(message); m != nil && m[1] != "" {
		return fmt.Sprintf("the expression ends too early: %s is missing", m[1])
	} else if m != nil {
		return "the expression ends too early"
	}
	if m := nothingFits.FindStringSubmatch(message); m != nil && strings.HasSuffix(m[1], ".") {
		return "a name is missing after the dot"
	}
	m := strayToken.FindStringSubmatch(message)
	if m == nil {
		return syntaxError + strings.ReplaceAll(message, "'<EOF>'", "the end")
	}
	switch m[1][0] {
	case '=':
		return "= is no operator: compare with =="
	case '&', '|':
		return fmt.Sprintf("%[1]c is no operator: write %[1]c%[1]c", m[1][0])
	case '"', '\'':
		return "no " + m[1][:1] + " ends the text that begins here"
	}
	return syntaxError + message
}

var missingKey = regexp.MustCompile(`^no such key: ([A-Za-z_][A-Za-z0-9_]*)$`)

// explainFailure adds what to write instead to the errors that evaluation meets most.
func explainFailure(err error) string {
	message := oneLine(err.Error())
	if m := missingKey.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s: where it may be absent, write .?%s and end with .orValue(…)", message, m[1])
	}
	if message == "no such overload" {
		return "the operation does not take values of these types"
	}
	return message
}

// oneLine makes a library's message fit for a condition: one line of bounded length.
func oneLine(s string) string {
	return clip(strings.Join(strings.Fields(s), " "), 300)
}
