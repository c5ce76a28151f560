package expr

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// compilePattern compiles an RE2 pattern of at most limit instructions: the time that a match takes grows with them.
func compilePattern(pattern string, limit int) (*regexp.Regexp, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	var invalid *syntax.Error
	if errors.As(err, &invalid) {
		return nil, fmt.Errorf("the pattern is not RE2: %s: `%s`", invalid.Code, clip(invalid.Expr, 80))
	}
	if err != nil {
		return nil, fmt.Errorf("the pattern is not RE2: %w", err)
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil, fmt.Errorf("the pattern is not RE2: %w", err)
	}
	if len(program.Inst) > limit {
		return nil, fmt.Errorf("the pattern compiles to %d instructions, at most %d are allowed", len(program.Inst), limit)
	}
	return regexp.Compile(pattern)
}

// boundedMatch replaces a call of matches() by one that bounds the pattern. CEL's own bound for it cannot be used: it
// panics on a counted repetition such as [0-9]{2}.
func boundedMatch(call interpreter.InterpretableCall) (interpreter.InterpretableV2, error) {
	args := call.Args()
	if len(args) != 2 {
		return nil, errors.New("matches takes a string and a pattern")
	}
	compile := func(pattern ref.Val) (*regexp.Regexp, error) { return compilePattern(text(pattern), maxRegexProgram) }
	if constant, ok := args[1].(interpreter.InterpretableConst); ok {
		compiled, err := compile(constant.Value())
		if err != nil {
			return nil, err
		}
		compile = func(ref.Val) (*regexp.Regexp, error) { return compiled, nil }
	}
	id := call.ID()
	matches := func(values ...ref.Val) ref.Val {
		for _, v := range values {
			if _, ok := v.(types.String); !ok {
				return types.NewErrWithNodeID(id, "no such overload")
			}
		}
		pattern, err := compile(values[1])
		if err != nil {
			return types.NewErrWithNodeID(id, "%v", err)
		}
		return types.Bool(pattern.MatchString(text(values[0])))
	}
	return interpreter.NewCall(id, call.Function(), call.OverloadID(), args, matches), nil
}
