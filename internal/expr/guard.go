package expr

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/decls"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// errTooMuch is the result of a call that is refused before it runs.
var errTooMuch = types.NewErr("a call of this function would exceed its limit: give it less data")

// guards estimate, by function, how much of its limit a call would use; above 1 the call is refused.
var guards = map[string]func(args []ref.Val) float64{
	"replace":         replaced,
	"join":            joined,
	"format":          formatted,
	"indexOf":         searched,
	"lastIndexOf":     searched,
	"distinct":        compared,
	"sets.contains":   compared,
	"sets.equivalent": compared,
	"sets.intersects": compared,
}

// guardFunctions declares the guarded functions of e anew, with the same signatures and the guard before them.
func guardFunctions(e *cel.Env) ([]cel.EnvOption, error) {
	all := e.Functions()
	options := make([]cel.EnvOption, 0, len(guards))
	for _, name := range sortedKeys(guards) {
		function, ok := all[name]
		if !ok {
			return nil, fmt.Errorf("there is no function %s", name)
		}
		overloads, err := guarded(function, guards[name])
		if err != nil {
			return nil, err
		}
		options = append(options, cel.Function(name, overloads...))
	}
	return options, nil
}

func guarded(f *decls.FunctionDecl, share func([]ref.Val) float64) ([]cel.FunctionOpt, error) {
	bindings, err := f.Bindings()
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", f.Name(), err)
	}
	byID := map[string]*functions.Overload{}
	for _, b := range bindings {
		byID[b.Operator] = b
	}
	options := make([]cel.FunctionOpt, 0, len(byID))
	for _, o := range f.OverloadDecls() {
		binding, ok := byID[o.ID()]
		if !ok {
			return nil, errors.New("no implementation of " + o.ID())
		}
		declare := decls.Overload
		if o.IsMemberFunction() {
			declare = decls.MemberOverload
		}
		options = append(options, declare(o.ID(), o.ArgTypes(), o.ResultType(), guardedBinding(binding, len(o.ArgTypes()), share)))
	}
	return options, nil
}

// guardedBinding binds an implementation in the form that its number of arguments asks for.
func guardedBinding(b *functions.Overload, args int, share func([]ref.Val) float64) cel.OverloadOpt {
	call := func(args ...ref.Val) ref.Val {
		if share(args) > 1 {
			return errTooMuch
		}
		switch {
		case len(args) == 1 && b.Unary != nil:
			return b.Unary(args[0])
		case len(args) == 2 && b.Binary != nil:
			return b.Binary(args[0], args[1])
		}
		return b.Function(args...)
	}
	switch args {
	case 1:
		return decls.UnaryBinding(func(v ref.Val) ref.Val { return call(v) })
	case 2:
		return decls.BinaryBinding(func(l, r ref.Val) ref.Val { return call(l, r) })
	}
	return decls.FunctionBinding(call)
}

// replaced: what s.replace(old, new) makes.
func replaced(args []ref.Val) float64 {
	s, old, with := text(args[0]), text(args[1]), text(args[2])
	return float64(len(s)+strings.Count(s, old)*len(with)) / maxString
}

// joined: what list.join(separator) makes.
func joined(args []ref.Val) float64 {
	separator := 0
	if len(args) > 1 {
		separator = len(text(args[1]))
	}
	size := 10*float64(sizer.AggregateSize(args[0])) + float64(count(args[0]))*float64(separator)
	return size / maxString
}

// formatted: what format.format(args) makes, were every directive to write all arguments.
func formatted(args []ref.Val) float64 {
	format := text(args[0])
	each := 10*float64(sizer.AggregateSize(args[1])) + 100
	return (float64(len(format)) + float64(strings.Count(format, "%"))*each) / maxString
}

// searched: the characters that s.indexOf(part) compares.
func searched(args []ref.Val) float64 {
	return float64(len(text(args[0]))) * float64(len(text(args[1]))) / maxPairs
}

// compared: the elements that a function of two lists, or of one list with itself, compares.
func compared(args []ref.Val) float64 {
	return float64(pairs(args)) / maxPairs
}

func pairs(args []ref.Val) uint64 {
	return uint64(count(args[0])) * uint64(sizer.AggregateSize(args[len(args)-1]))
}

func text(v ref.Val) string {
	s, _ := v.(types.String)
	return string(s)
}

func count(v ref.Val) int64 {
	if s, ok := v.(traits.Sizer); ok {
		if n, ok := s.Size().(types.Int); ok {
			return int64(n)
		}
	}
	return 1
}
