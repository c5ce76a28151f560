package expr

import (
	"slices"

	"cel.dev/cel-go/common/ast"
)

// known is what is known of the value of a part of an expression; the zero known is nothing.
type known struct {
	path  string
	shape shape
	kept  []string // the only fields that there can be; nil: any

	steps bool   // it is the variable steps
	step  string // it is this step, whose only field is its output
}

// fields checks which fields one expression reads.
type fields struct {
	place
	values map[int64]known // by the node's id
}

// check refuses to read a field that cannot be there: node is the reading.
func (f fields) check(node ast.NavigableExpr) *Error {
	operand, field, ok := reading(node)
	if !ok || !field.isLiteral {
		return nil
	}
	value := f.valueOf(operand)
	why := value.shape.forbids(field.name)
	if value.kept != nil && !slices.Contains(value.kept, field.name) {
		why = "the step keeps " + listed(value.kept)
	}
	if why == "" {
		return nil
	}
	return compileError("%s has no field %q: %s", clip(value.path, 200), clip(field.name, 64), why)
}

// reading returns what node reads a field of, where it does so other than optionally.
func reading(node ast.NavigableExpr) (operand ast.NavigableExpr, field selected, ok bool) {
	children := node.Children()
	if len(children) == 0 {
		return nil, selected{}, false
	}
	field, ok = selection(children[0])
	return children[0], field, ok && !field.optional && !field.isTest
}

// valueOf returns what is known of node's value.
func (f fields) valueOf(node ast.NavigableExpr) known {
	value, ok := f.values[node.ID()]
	if ok {
		return value
	}
	if node.Kind() == ast.IdentKind {
		value = f.variable(node)
	} else if operand, field, ok := reading(node); ok {
		value = f.field(f.valueOf(operand), field)
	}
	f.values[node.ID()] = value
	return value
}

func (p place) field(of known, field selected) known {
	switch {
	case of.steps:
		return known{path: stepText(field.name), step: field.name}
	case of.step != "":
		output := p.shapes.Outputs[of.step]
		return known{path: of.path + "." + outputField, shape: output.Schema.shape(), kept: output.Kept}
	case len(of.shape) == 0:
		return known{}
	case !field.isLiteral:
		return known{path: of.path + "[…]", shape: of.shape.element()}
	}
	return known{path: member(of.path, field.name), shape: of.shape.member(field.name)}
}

func (f fields) variable(node ast.NavigableExpr) known {
	name := trimmed(node)
	switch {
	case !f.knows(name):
		return f.walked(node, name)
	case name == varParams:
		return known{path: varParams, shape: f.shapes.Params.shape()}
	case name == varSteps:
		return known{steps: true}
	}
	return known{}
}

// walked returns what is known of the variable of a macro such as map: an item of the list that is walked.
func (f fields) walked(node ast.NavigableExpr, name string) known {
	for child := node; ; {
		parent, ok := child.Parent()
		if !ok {
			return known{}
		}
		if parent.Kind() == ast.ComprehensionKind && parent.Children()[0].ID() != child.ID() {
			switch walk := parent.AsComprehension(); name {
			case walk.IterVar():
				if walk.HasIterVar2() {
					return known{}
				}
				return known{path: name, shape: f.valueOf(parent.Children()[0]).shape.element()}
			case walk.IterVar2(), walk.AccuVar():
				return known{}
			}
		}
		child = parent
	}
}
