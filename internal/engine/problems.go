package engine

import (
	"errors"
	"fmt"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Problems are all that is wrong with a definition, where Compile tells what is found first.
type Problems struct {
	Steps       []error // what does not make a saga: each wraps ErrInvalidDefinition, and its field is one that the rules of the schema judge
	Expressions []error // what does not compile: each wraps ErrInvalidDefinition or ErrInvalidExpression
	Uses        map[string]ParticipantUse
}

// Mistakes are several errors about one value. An Expressions that looks for all mistakes of a value returns them.
type Mistakes []error

func (m Mistakes) Error() string { return errors.Join(m...).Error() }

// Unwrap returns the single ones.
func (m Mistakes) Unwrap() []error { return m }

// Examine looks for all that is wrong with a definition: each mistake is told by itself, and those of expressions also where the steps
// are wrong. Where it is not known which steps wait for which, an expression may read any. Without problems, it compiles.
func Examine(def v1alpha1.SagaDefinitionSpec, x Expressions) Problems {
	p := newProgram(def)
	found := Problems{Steps: p.check(def)}
	if len(def.Steps) == 0 || len(def.Steps) > v1alpha1.MaxSteps {
		return found
	}
	c := compiler{expressions: x, def: def, steps: make([]step, len(def.Steps)), unlinked: len(found.Steps) > 0}
	if !c.unlinked {
		c.link(p)
	}
	for i := range def.Steps {
		if len(kindsOf(def.Steps[i])) == 1 { // else it is said already, and not known what its fields mean
			for _, err := range c.examine(func(c compiler) error { return c.step(i) }) {
				found.Expressions = append(found.Expressions, inStep(def, i, err))
			}
		}
	}
	found.Expressions = append(found.Expressions, c.examine(func(c compiler) error { _, err := c.outputs(); return err })...)
	p.steps = c.steps
	found.Uses = p.Participants()
	return found
}

// examine returns all that is found by a part of the compiler.
func (c compiler) examine(part func(compiler) error) []error {
	var wrong []error
	c.found = &wrong
	if err := part(c); err != nil {
		wrong = append(wrong, err)
	}
	return wrong
}

// refuse returns what is wrong with a field, which ends the compiling; nil where all is to be found.
func (c compiler) refuse(field string, kind, err error) error {
	if c.found == nil {
		return fmt.Errorf("%w: %s: %w", kind, field, err)
	}
	mistakes := Mistakes{err}
	errors.As(err, &mistakes)
	for _, err := range mistakes {
		*c.found = append(*c.found, fmt.Errorf("%w: %s: %w", kind, field, err))
	}
	return nil
}
