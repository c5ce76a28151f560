package expr

import (
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// maxKey bounds what correlates an event, in bytes.
const maxKey = 253

// bare is a compiled expression that stands without ${ and } around it.
type bare struct {
	expression *expression
	reads      reads
}

func compileBare(source string, at place, suits func(*types.Type) *Error) (*bare, *Error) {
	switch source := strings.TrimSpace(source); {
	case source == "":
		return nil, compileError("the expression is empty")
	case strings.HasPrefix(source, "${"):
		return nil, compileError("the whole text is an expression here: leave ${ and } around it away")
	}
	b := newBuilder(at)
	b.cost = MaxBareCost
	e, err := b.expression(source, "", suits)
	if err != nil {
		return nil, err
	}
	return &bare{expression: e, reads: b.reads}, nil
}

func (b *bare) eval(v Values) (ref.Val, *Error) {
	variables, err := b.reads.activation(v)
	if err != nil {
		return nil, err
	}
	return b.expression.eval(&rendering{variables: variables})
}

// condition is a compiled condition.
type condition struct{ *bare }

func compileCondition(source string, at place) (*condition, error) {
	b, err := compileBare(source, at, isCondition)
	if err != nil {
		return nil, err
	}
	return &condition{b}, nil
}

// Holds implements engine.Condition. Its errors are *Error and match ErrRender; those about a bound also match ErrCost.
func (c *condition) Holds(v Values) (bool, error) {
	result, err := c.eval(v)
	if err != nil {
		return false, err
	}
	holds, ok := result.(types.Bool)
	if !ok {
		return false, notTrueOrFalse(result.Type().TypeName())
	}
	return bool(holds), nil
}

// ReadsSteps implements engine.Condition.
func (c *condition) ReadsSteps() bool { return len(c.reads.steps) > 0 }

// Key is compiled by Compiler.Key. It is safe for concurrent use.
type Key struct{ *bare }

// Key compiles source, an expression over event that gives what the event is correlated by: a string, an int or a bool.
// Its errors are *Error and match ErrCompile.
func (c *Compiler) Key(source string) (Key, error) {
	b, err := compileBare(source, c.eventPlace(), isSpliced)
	if err != nil {
		return Key{}, err
	}
	return Key{b}, nil
}

// Of returns what event, a JSON object, is correlated by: from 1 to 253 bytes. Its errors are *Error and match ErrRender.
func (k Key) Of(event []byte) (string, error) {
	result, problem := k.eval(Values{Event: event})
	if problem != nil {
		return "", problem
	}
	key, problem := appendSpliced(nil, result)
	switch {
	case problem != nil:
		return "", problem
	case len(key) == 0:
		return "", renderError("gives an empty text, which correlates nothing")
	case len(key) > maxKey:
		err := renderError("gives %d bytes, at most %d are allowed", len(key), maxKey)
		err.kinds = append(err.kinds, ErrTooLarge)
		return "", err
	}
	return string(key), nil
}
