package expr

import (
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// contradictions says where root, or a schema in it, asks for what no value can be: the first of such places.
func contradictions(root *jsonschema.Schema) error {
	for _, s := range everySchema(root) {
		for _, check := range []func(*jsonschema.Schema) string{crossedNumbers, crossedSizes, ruledOut, tooManyRequired, noChoice} {
			if problem := check(s); problem != "" {
				return errors.New(clip(placeOf(s)+": "+problem, maxMessage))
			}
		}
	}
	return nil
}

// placeOf returns the JSON pointer of s within its document.
func placeOf(s *jsonschema.Schema) string {
	_, pointer, _ := strings.Cut(s.Location, "#")
	if plain, err := url.PathUnescape(pointer); err == nil {
		pointer = plain
	}
	if pointer == "" {
		return "/"
	}
	return clip(pointer, 200)
}

// bound is one end of a range.
type bound struct {
	keyword   string
	value     *big.Rat
	exclusive bool
}

// crossedNumbers: no number is above the lower bound and below the upper one.
func crossedNumbers(s *jsonschema.Schema) string {
	for _, low := range []bound{{"minimum", s.Minimum, false}, {"exclusiveMinimum", s.ExclusiveMinimum, true}} {
		for _, high := range []bound{{"maximum", s.Maximum, false}, {"exclusiveMaximum", s.ExclusiveMaximum, true}} {
			if low.value == nil || high.value == nil {
				continue
			}
			order := low.value.Cmp(high.value)
			if order > 0 || order == 0 && (low.exclusive || high.exclusive) {
				return fmt.Sprintf("no number fits between %s %s and %s %s", low.keyword, ratText(low.value), high.keyword, ratText(high.value))
			}
		}
	}
	return ""
}

// crossedSizes: nothing has at least so many and at most so few.
func crossedSizes(s *jsonschema.Schema) string {
	for _, size := range []struct {
		low, high string
		min, max  *int
	}{
		{"minLength", "maxLength", s.MinLength, s.MaxLength},
		{"minItems", "maxItems", s.MinItems, s.MaxItems},
		{"minProperties", "maxProperties", s.MinProperties, s.MaxProperties},
		{"minContains", "maxContains", minContains(s), s.MaxContains},
	} {
		if size.min != nil && size.max != nil && *size.min > *size.max {
			return fmt.Sprintf("%s %d is more than %s %d", size.low, *size.min, size.high, *size.max)
		}
	}
	return ""
}

// minContains is 1 where contains says nothing else.
func minContains(s *jsonschema.Schema) *int {
	one := 1
	switch {
	case s.Contains == nil:
		return nil
	case s.MinContains == nil:
		return &one
	}
	return s.MinContains
}

// ruledOut: a required field must not be there.
func ruledOut(s *jsonschema.Schema) string {
	for _, name := range s.Required {
		if by := forbiddenBy(s, name); by != "" {
			return fmt.Sprintf("required names %q, which %s rules out", clip(name, 64), by)
		}
	}
	return ""
}

// forbiddenBy returns the keyword of s that lets no object have a field of that name, or nothing.
func forbiddenBy(s *jsonschema.Schema, name string) string {
	sub, declared := s.Properties[name]
	if isFalse(sub) {
		return "properties"
	}
	for pattern, sub := range s.PatternProperties {
		if !pattern.MatchString(name) {
			continue
		}
		if declared = true; isFalse(sub) {
			return "patternProperties"
		}
	}
	additional, _ := s.AdditionalProperties.(*jsonschema.Schema)
	if !declared && (s.AdditionalProperties == false || isFalse(additional)) {
		return "additionalProperties: false"
	}
	return ""
}

func isFalse(s *jsonschema.Schema) bool { return s != nil && s.Bool != nil && !*s.Bool }

func tooManyRequired(s *jsonschema.Schema) string {
	names := slices.Compact(slices.Sorted(slices.Values(s.Required)))
	if s.MaxProperties == nil || len(names) <= *s.MaxProperties {
		return ""
	}
	return fmt.Sprintf("required names %d fields, maxProperties allows %d", len(names), *s.MaxProperties)
}

// noChoice: no value of enum, or not that of const, is what the keywords beside it ask for.
func noChoice(s *jsonschema.Schema) string {
	var (
		values  []any
		keyword string
	)
	switch {
	case s.Const != nil:
		values, keyword = []any{*s.Const}, "const"
	case s.Enum == nil:
		return ""
	case len(s.Enum.Values) == 0:
		return "enum has no value"
	default:
		values, keyword = s.Enum.Values, "enum"
	}
	first := ""
	for _, v := range values {
		problem := violationsOf(besideChoice(s), v)
		if problem == "" {
			return ""
		}
		if first == "" {
			first = fmt.Sprintf("%s has no value that fits what stands beside it: %s %s", keyword, choices([]any{v}), strings.TrimPrefix(problem, "/: "))
		}
	}
	return first
}

// besideChoice returns what s asks of a value by itself, without schemas in it: quick to judge, however many the values.
func besideChoice(s *jsonschema.Schema) *jsonschema.Schema {
	beside := &jsonschema.Schema{
		DraftVersion: s.DraftVersion, Types: s.Types,
		MinLength: s.MinLength, MaxLength: s.MaxLength, Pattern: s.Pattern,
		Minimum: s.Minimum, Maximum: s.Maximum, ExclusiveMinimum: s.ExclusiveMinimum, ExclusiveMaximum: s.ExclusiveMaximum,
		MinItems: s.MinItems, MaxItems: s.MaxItems, MinProperties: s.MinProperties, MaxProperties: s.MaxProperties, Required: s.Required,
	}
	if s.Const != nil {
		beside.Enum = s.Enum
	}
	return beside
}
