package expr

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

const (
	optionalSelect = "_?._"
	optionalIndex  = "_[?_]"
	outputField    = "output"
)

// reads is what an expression reads: only that is decoded when it is rendered.
type reads struct {
	params, saga, event, data bool
	steps                     map[string]bool
}

// checkReferences walks a parsed expression: steps are read as steps['name'].output and nothing else, of steps that
// the place allows; no variable hides one of ours; no protobuf messages; no field that its schema leaves no room for.
func checkReferences(tree *ast.AST, at place, r *reads) *Error {
	anything := func(ast.NavigableExpr) bool { return true }
	nodes := ast.MatchDescendants(ast.NavigateAST(tree), anything)
	for _, check := range []func(ast.NavigableExpr) *Error{
		at.checkConstruct, // first: it is what makes the names of variables reliable
		func(node ast.NavigableExpr) *Error { return at.checkIdent(node, r) },
		fields{place: at, values: map[int64]known{}}.check,
	} {
		for _, node := range nodes {
			if err := check(node); err != nil {
				at := tree.SourceInfo().GetStartLocation(node.ID())
				err.Line, err.Column = at.Line(), at.Column()+1
				return err
			}
		}
	}
	return nil
}

// checkConstruct refuses messages, and variables that hide ours: the walk could not tell them apart.
func (p place) checkConstruct(node ast.NavigableExpr) *Error {
	switch node.Kind() {
	case ast.StructKind:
		return compileError("messages are not supported: write a map, as in {'key': value}")
	case ast.ComprehensionKind:
		c := node.AsComprehension()
		for _, name := range []string{c.IterVar(), c.IterVar2(), c.AccuVar()} {
			if p.knows(name) {
				return compileError("a variable cannot be named %s here: choose another name", name)
			}
		}
	}
	return nil
}

func (p place) checkIdent(node ast.NavigableExpr, r *reads) *Error {
	if node.Kind() != ast.IdentKind {
		return nil
	}
	name := trimmed(node)
	if !p.knows(name) {
		return nil
	}
	switch name {
	case varParams:
		r.params = true
	case varSaga:
		r.saga = true
		return checkMember(node, varSaga, sagaFields)
	case varEvent:
		r.event = true
		return checkMember(node, varEvent, eventFields)
	case varData:
		r.data = true
	case varSteps:
		step, err := checkSteps(node, p.scope)
		r.steps[step] = true
		return err
	}
	return nil
}

// trimmed returns the name of a variable: a dot before it says no more than that it is none of a macro's.
func trimmed(ident ast.NavigableExpr) string { return strings.TrimPrefix(ident.AsIdent(), ".") }

// checkMember checks one reading of a variable whose members are known.
func checkMember(node ast.NavigableExpr, variable string, fields []string) *Error {
	field, ok := selection(node)
	if ok && field.isLiteral && !slices.Contains(fields, field.name) {
		return compileError("%s has no field %q: it has %s", variable, clip(field.name, 64), strings.Join(fields, ", "))
	}
	return nil
}

// checkSteps checks one reading of the variable steps, and returns the name of the step.
func checkSteps(node ast.NavigableExpr, scope Scope) (string, *Error) {
	step, ok := selection(node)
	if !ok {
		return "", referenceError("steps can only be read one by one: write steps['%s'].output", exampleStep(scope))
	}
	if !step.isLiteral {
		return "", referenceError("a step must be named by a literal string: write steps['%s'].output", exampleStep(scope))
	}
	output, ok := selection(step.node)
	switch {
	case step.name == scope.Self && scope.Self != "":
		return step.name, checkSelf(step, output, ok)
	case !slices.Contains(scope.Steps, step.name):
		return "", notEarlier(step.name, scope)
	case !ok || output.name != outputField:
		return "", referenceError("a step has nothing but its output: write %s.output", stepText(step.name))
	}
	return step.name, nil
}

// checkSelf: a compensation also runs when nobody answered the action, and then there is no output.
func checkSelf(step, output selected, ok bool) *Error {
	write := fmt.Sprintf("write %s.?output.?field.orValue('')", stepText(step.name))
	if !ok || output.name != outputField || !output.optional && !step.optional {
		return referenceError("a compensation also runs after its own step gave no output: %s", write)
	}
	chain := output.node
	for {
		next, ok := selection(chain)
		if !ok {
			break
		}
		chain = next.node
	}
	parent, ok := chain.Parent()
	if ok && parent.Kind() == ast.CallKind && parent.AsCall().FunctionName() == "value" {
		return referenceError("a compensation also runs after its own step gave no output, where value() fails: %s", write)
	}
	return nil
}

func notEarlier(name string, scope Scope) *Error {
	readable := "no output can be read here"
	if len(scope.Steps) > 0 {
		readable = "readable here: " + clip(strings.Join(scope.Steps, ", "), 200)
	}
	switch {
	case scope.First && slices.Contains(scope.All, name):
		return referenceError("step %q is not done yet: this is evaluated when the saga starts, and reads params and saga only", clip(name, 63))
	case slices.Contains(scope.Aside, name):
		return referenceError("this does not wait for step %q: add it to dependsOn; %s", clip(name, 63), readable)
	case slices.Contains(scope.All, name):
		return referenceError("step %q is not done yet when this is evaluated; %s", clip(name, 63), readable)
	}
	for _, known := range scope.All {
		if strings.HasPrefix(known, name+"-") {
			return referenceError("there is no step %q: write a name with a dash as %s.output", clip(name, 63), stepText(known))
		}
	}
	return referenceError("there is no step %q; %s", clip(name, 63), readable)
}

func exampleStep(scope Scope) string {
	if len(scope.Steps) > 0 {
		return scope.Steps[0]
	}
	return "name"
}

func stepText(name string) string { return "steps['" + name + "']" }

// selected is the selection of a member: x.name, x['name'], has(x.name) and the optional forms.
type selected struct {
	node      ast.NavigableExpr // the selection itself
	name      string
	isLiteral bool // name is known; it is not where the index is computed
	optional  bool
	isTest    bool // has(x.name)
}

// selection returns how node's parent selects a member of it, if it does.
func selection(node ast.NavigableExpr) (selected, bool) {
	parent, ok := node.Parent()
	if !ok {
		return selected{}, false
	}
	switch parent.Kind() {
	case ast.SelectKind:
		s := parent.AsSelect()
		return selected{node: parent, name: s.FieldName(), isLiteral: true, isTest: s.IsTestOnly()}, true
	case ast.CallKind:
		return selectionByCall(node, parent)
	}
	return selected{}, false
}

func selectionByCall(node, parent ast.NavigableExpr) (selected, bool) {
	call := parent.AsCall()
	name := call.FunctionName()
	isSelection := name == operators.Index || name == optionalIndex || name == optionalSelect
	args := call.Args()
	if !isSelection || len(args) != 2 || args[0].ID() != node.ID() {
		return selected{}, false
	}
	s := selected{node: parent, optional: name != operators.Index}
	if args[1].Kind() == ast.LiteralKind {
		if literal, ok := args[1].AsLiteral().(types.String); ok {
			s.name, s.isLiteral = string(literal), true
		}
	}
	return s, true
}
