package expr

import (
	"errors"
	"strconv"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// template is a compiled JSON value.
type template struct {
	root  node
	reads reads
}

// Render implements Template.
func (t *template) Render(v Values) ([]byte, error) {
	variables, err := t.reads.activation(v)
	if err != nil {
		return nil, err
	}
	r := &rendering{variables: variables, out: make([]byte, 0, 256)}
	if err := t.root.render(r); err != nil {
		return nil, err
	}
	if len(r.out) > MaxResult {
		return nil, tooLargeError(len(r.out))
	}
	return r.out, nil
}

// activation decodes what the template reads.
func (r reads) activation(v Values) (map[string]any, *Error) {
	variables := map[string]any{}
	for _, object := range []struct {
		name string
		read bool
		raw  []byte
	}{{varParams, r.params, v.Params}, {varEvent, r.event, v.Event}, {varData, r.data, v.Data}} {
		if !object.read {
			continue
		}
		value, err := objectValue(object.raw)
		if err != nil {
			return nil, renderError("%s %v", object.name, err)
		}
		variables[object.name] = value
	}
	if r.saga {
		variables[varSaga] = stringMap(v.Saga)
	}
	if len(r.steps) > 0 {
		steps, err := r.outputs(v)
		if err != nil {
			return nil, err
		}
		variables[varSteps] = steps
	}
	return variables, nil
}

// outputs decodes the outputs of the steps that are read.
func (r reads) outputs(v Values) (ref.Val, *Error) {
	steps := make(map[ref.Val]ref.Val, len(r.steps))
	for _, name := range sortedKeys(r.steps) {
		step := map[ref.Val]ref.Val{}
		if raw, ok := v.Outputs[name]; ok {
			output, err := objectValue(raw)
			if err != nil {
				return nil, renderError("the output of step %q %v", name, err)
			}
			step[types.String(outputField)] = output
		}
		steps[types.String(name)] = newMap(step)
	}
	return newMap(steps), nil
}

// rendering is the state of one call of Render.
type rendering struct {
	variables map[string]any
	out       []byte
	cost      uint64
}

// node is a part of a compiled template, safe for concurrent use.
type node interface {
	render(r *rendering) *Error
}

// constNode is JSON that is the same in every rendering.
type constNode []byte

func (n constNode) render(r *rendering) *Error {
	r.out = append(r.out, n...)
	return nil
}

type listNode []node

func (n listNode) render(r *rendering) *Error {
	r.out = append(r.out, '[')
	for i, e := range n {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		if err := e.render(r); err != nil {
			return err
		}
	}
	r.out = append(r.out, ']')
	return nil
}

type memberNode struct {
	key   []byte // JSON
	value node
}

// objectNode is an object; its members are in the order of their keys.
type objectNode []memberNode

func (n objectNode) render(r *rendering) *Error {
	r.out = append(r.out, '{')
	for i, m := range n {
		if i > 0 {
			r.out = append(r.out, ',')
		}
		r.out = append(append(r.out, m.key...), ':')
		if err := m.value.render(r); err != nil {
			return err
		}
	}
	r.out = append(r.out, '}')
	return nil
}

// valueNode is a string that is exactly one expression: its result keeps its type.
type valueNode struct{ *expression }

func (n *valueNode) render(r *rendering) *Error {
	v, err := n.eval(r)
	if err != nil {
		return err
	}
	out, err := appendValue(r.out, v)
	if err != nil {
		return err.at(n.path)
	}
	r.out = out
	return nil
}

// spliceNode is a longer string with expressions in it.
type spliceNode struct {
	parts []splicePart
	path  string
}

type splicePart struct {
	literal string
	expr    *expression // nil for a literal
}

func (n *spliceNode) render(r *rendering) *Error {
	text, err := n.write(r)
	if err != nil {
		return err
	}
	r.out = appendString(r.out, string(text))
	return nil
}

// write evaluates the string, but does not go on far beyond what is refused anyway.
func (n *spliceNode) write(r *rendering) (text []byte, err *Error) {
	for _, p := range n.parts {
		if len(r.out)+len(text) > maxCounted {
			break
		}
		if p.expr == nil {
			text = append(text, p.literal...)
			continue
		}
		v, err := p.expr.eval(r)
		if err != nil {
			return nil, err
		}
		if text, err = appendSpliced(text, v); err != nil {
			return nil, err.at(n.path)
		}
	}
	return text, nil
}

func appendSpliced(dst []byte, v ref.Val) ([]byte, *Error) {
	switch v := v.(type) {
	case types.String:
		return append(dst, v...), nil
	case types.Int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case types.Uint:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case types.Bool:
		return strconv.AppendBool(dst, bool(v)), nil
	case types.Double, types.Null:
		return nil, notSpliced(v.Type().TypeName())
	}
	if err := isValue(typeOf(v)); err != nil {
		return nil, err
	}
	return nil, notSpliced(v.Type().TypeName())
}

func typeOf(v ref.Val) *types.Type {
	if t, ok := v.Type().(*types.Type); ok {
		return t
	}
	return types.DynType
}

// expression is a compiled expression.
type expression struct {
	program cel.Program
	limit   uint64 // of what it costs, together with what was evaluated before it in the same rendering
	path    string
	info    *ast.SourceInfo
}

// eval evaluates the expression and adds up what it cost.
func (e *expression) eval(r *rendering) (ref.Val, *Error) {
	v, details, err := e.program.Eval(r.variables)
	if err != nil {
		return nil, e.failure(err).at(e.path)
	}
	if details != nil && details.ActualCost() != nil {
		r.cost += *details.ActualCost()
	}
	if r.cost > e.limit {
		return nil, costError(e.limit).at(e.path)
	}
	return v, nil
}

// failure turns an error of the evaluation into ours, with its place.
func (e *expression) failure(err error) *Error {
	var cancelled interpreter.EvalCancelledError
	if errors.As(err, &cancelled) && cancelled.Cause == interpreter.CostLimitExceeded {
		if cancelled.Message != tooLongText {
			return costError(e.limit)
		}
		tooLong := renderError("%s", tooLongText)
		tooLong.kinds = append(tooLong.kinds, ErrCost)
		return tooLong
	}
	failed := renderError("%s", explainFailure(err))
	var located interface{ NodeID() int64 }
	if errors.As(err, &located) {
		if at := e.info.GetStartLocation(located.NodeID()); at.Line() > 0 {
			failed.Line, failed.Column = at.Line(), at.Column()+1
		}
	}
	return failed
}
