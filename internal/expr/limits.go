package expr

import (
	"fmt"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// CEL's cost limit counts what an operation cost after it ran, and looks at the outermost size of its operands only.
// So each value is bounded where it is made (bounded), a comparison costs what it may visit (deepCosts), and calls
// whose work or result is a product of their operands are judged before they run (guardFunctions).

// What CEL notes down about a comprehension is searched from end to end in each of its rounds, so that the time it takes
// grows with the square of its length: lists that are walked are short (maxWalk).

var (
	tooLongText = fmt.Sprintf("a list or map of more than %d elements can be passed on, but not worked on", maxWalk)
	errTooLong  = types.NewErr("%s", tooLongText)
	errTooBig   = types.NewErr("a value on the way grows beyond the limit of %d units", maxUnits)
)

// sizer measures values with all that is in them. Values remember their size, so it must be the same for all.
var sizer = types.NewSizeCalculator(
	types.SizeCalculatorMaxDepth(2*MaxDepth+maxParseDepth),
	types.SizeCalculatorMaxTraversal(2*maxUnits),
)

// programOptions bound and account for one expression's evaluation, which may cost so many units.
func programOptions(cost uint64) []cel.ProgramOption {
	return []cel.ProgramOption{
		cel.CostLimit(cost),
		cel.CostTrackerOptions(deepCosts()...),
		cel.CustomDecoratorV2(decorate),
	}
}

// deepCosts makes operations cost what they may visit.
func deepCosts() []interpreter.CostTrackerOption {
	sum := func(args []ref.Val, _ ref.Val) *uint64 {
		cost := uint64(1)
		for _, a := range args {
			if _, grows := a.(traits.MutableLister); !grows { // a comprehension's own result, appended to in place
				cost += uint64(sizer.AggregateSize(a)) / 10
			}
		}
		return &cost
	}
	product := func(args []ref.Val, _ ref.Val) *uint64 {
		cost := 1 + pairs(args)/10
		return &cost
	}
	options := make([]interpreter.CostTrackerOption, 0, 12)
	for _, id := range []string{overloads.Equals, overloads.NotEquals, overloads.InList, overloads.AddList, "string_format"} {
		options = append(options, interpreter.OverloadCostTracker(id, sum))
	}
	for _, id := range []string{"list_sets_contains_list", "list_sets_equivalent_list", "list_sets_intersects_list", "list_distinct"} {
		options = append(options, interpreter.OverloadCostTracker(id, product))
	}
	return options
}

// decorate wraps the nodes of a planned expression whose results are new values. Comprehensions stay as they are, or
// CEL would not see where one ends, and keep what it notes down about each round: their results are bounded by what
// appending costs (deepCosts).
func decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	switch node := i.(type) {
	case interpreter.InterpretableConst, interpreter.InterpretableAttribute:
		return i, nil // constants, and what is read of variables: both are as large as they were
	case interpreter.InterpretableCall:
		if node.Function() == overloads.Matches {
			return boundedMatch(node)
		}
		return &boundedCall{InterpretableCall: node, adds: node.Function() == operators.Add}, nil
	case interpreter.InterpretableConstructor:
		return &boundedConstructor{node}, nil
	}
	return i, nil
}

type boundedCall struct {
	interpreter.InterpretableCall
	adds bool
}

func (b *boundedCall) Exec(f *interpreter.ExecutionFrame) ref.Val {
	return b.bounded(b.InterpretableCall.Exec(f))
}

func (b *boundedCall) Eval(a interpreter.Activation) ref.Val {
	return b.bounded(b.InterpretableCall.Eval(a))
}

func (b *boundedCall) bounded(v ref.Val) ref.Val {
	v = bounded(v)
	if list, ok := v.(traits.Lister); ok && b.adds {
		return inOnePiece(list)
	}
	return v
}

type boundedConstructor struct {
	interpreter.InterpretableConstructor
}

func (b *boundedConstructor) Exec(f *interpreter.ExecutionFrame) ref.Val {
	return bounded(b.InterpretableConstructor.Exec(f))
}

func (b *boundedConstructor) Eval(a interpreter.Activation) ref.Val {
	return bounded(b.InterpretableConstructor.Eval(a))
}

// bounded returns v, or an error where it is too large. Maps come back ordered.
func bounded(v ref.Val) ref.Val {
	switch v := v.(type) {
	case traits.MutableLister: // a comprehension's result, bounded by its cost
		return v
	case traits.Mapper:
		return within(ordered(v))
	case traits.Lister, types.String, types.Bytes, *types.Optional:
		return within(v)
	}
	return v
}

func within(v ref.Val) ref.Val {
	switch v.(type) {
	case traits.Lister, traits.Mapper:
		if count(v) > maxWalk {
			return errTooLong
		}
	}
	if sizer.AggregateSize(v) > maxUnits {
		return errTooBig
	}
	return v
}

// inOnePiece copies a concatenation: CEL keeps it as a tree of what it was made of, which each read walks again.
func inOnePiece(list traits.Lister) ref.Val {
	if _, grows := list.(traits.MutableLister); grows {
		return list
	}
	elements := make([]ref.Val, count(list))
	for i := range elements {
		elements[i] = list.Get(types.Int(i))
	}
	return types.NewRefValList(types.DefaultTypeAdapter, elements)
}
