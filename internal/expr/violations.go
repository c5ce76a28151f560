package expr

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// violations says in one line what is wrong, by JSON pointer, in order, the first few of them.
func violations(root *jsonschema.ValidationError) string {
	var all []string
	collect(root, &all)
	slices.Sort(all)
	all = slices.Compact(all)
	rest := 0
	if len(all) > maxViolations {
		rest = len(all) - maxViolations
		all = all[:maxViolations]
	}
	text := clip(strings.Join(all, "; "), maxMessage-len(" (and 99999 more)"))
	if rest > 0 {
		text += fmt.Sprintf(" (and %d more)", rest)
	}
	return text
}

// collect adds the violations under e. Alternatives are not descended into: which of them was meant is not known.
func collect(e *jsonschema.ValidationError, all *[]string) {
	pointer := pointerTo(e.InstanceLocation)
	add := func(at, format string, args ...any) {
		if at == "" {
			at = "/"
		}
		*all = append(*all, clip(at, 200)+": "+clip(fmt.Sprintf(format, args...), 300))
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		for _, name := range k.Missing {
			add(pointer+pointerTo([]string{name}), "is required")
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			add(pointer+pointerTo([]string{name}), "is not a known field")
		}
	case *kind.AnyOf:
		add(pointer, "matches none of the alternatives (anyOf)")
	case *kind.OneOf:
		add(pointer, "%s", oneOf(k))
	default:
		if len(e.Causes) == 0 {
			add(pointer, "%s", describe(e.ErrorKind))
		}
		for _, cause := range e.Causes {
			collect(cause, all)
		}
	}
}

func oneOf(k *kind.OneOf) string {
	if len(k.Subschemas) < 2 {
		return "matches none of the alternatives (oneOf)"
	}
	return fmt.Sprintf("matches the alternatives %d and %d, only one is allowed (oneOf)", k.Subschemas[0], k.Subschemas[1])
}

// describe says what is wrong with one value: the bound and, for sizes and numbers, the value.
func describe(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("must be of type %s, is %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Minimum:
		return fmt.Sprintf("must be at least %s, is %s", ratText(k.Want), ratText(k.Got))
	case *kind.Maximum:
		return fmt.Sprintf("must be at most %s, is %s", ratText(k.Want), ratText(k.Got))
	case *kind.ExclusiveMinimum:
		return fmt.Sprintf("must be more than %s, is %s", ratText(k.Want), ratText(k.Got))
	case *kind.ExclusiveMaximum:
		return fmt.Sprintf("must be less than %s, is %s", ratText(k.Want), ratText(k.Got))
	case *kind.MultipleOf:
		return fmt.Sprintf("must be a multiple of %s, is %s", ratText(k.Want), ratText(k.Got))
	case *kind.Pattern:
		return fmt.Sprintf("must match the pattern %s", clip(k.Want, 120))
	case *kind.Format:
		if k.Want == "regex" && k.Err != nil {
			return oneLine(k.Err.Error()) // says why, for patterns of schemas
		}
		return fmt.Sprintf("must be a valid %s", k.Want)
	case *kind.Enum:
		return "must be one of " + choices(k.Want)
	case *kind.Const:
		return "must be " + choices([]any{k.Want})
	case *kind.FalseSchema:
		return "is not allowed"
	}
	return describeSize(k)
}

// describeSize is describe for what is counted.
func describeSize(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters, has %d", k.Want, k.Got)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters, has %d", k.Want, k.Got)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items, has %d", k.Want, k.Got)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items, has %d", k.Want, k.Got)
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d fields, has %d", k.Want, k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d fields, has %d", k.Want, k.Got)
	case *kind.UniqueItems:
		return fmt.Sprintf("must not hold an item twice, items %d and %d are equal", k.Duplicates[0], k.Duplicates[1])
	}
	return oneLine(k.LocalizedString(message.NewPrinter(language.English)))
}

func choices(values []any) string {
	texts := make([]string, 0, len(values))
	for _, v := range values {
		raw, err := json.Marshal(v)
		if err != nil {
			continue // not a value that came from JSON
		}
		texts = append(texts, clip(string(raw), 60))
	}
	return strings.Join(texts, ", ")
}

// pointerTo writes a JSON pointer (RFC 6901).
func pointerTo(tokens []string) string {
	var b strings.Builder
	for _, token := range tokens {
		b.WriteByte('/')
		b.WriteString(strings.NewReplacer("~", "~0", "/", "~1").Replace(token))
	}
	return b.String()
}
