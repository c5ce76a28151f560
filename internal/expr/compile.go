package expr

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/common/types"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

// Compiler compiles templates, texts, conditions and schemas. It implements engine.Expressions.
type Compiler struct {
	vocabularies vocabularies
	shapes       Shapes
	thorough     bool
}

var _ engine.Expressions = (*Compiler)(nil)

// New makes a compiler. One is enough for a process: it may be used by several goroutines at once.
func New() (*Compiler, error) {
	known, err := newVocabularies()
	if err != nil {
		return nil, err
	}
	return &Compiler{vocabularies: known}, nil
}

// Thorough returns a compiler that tells all mistakes of a template, as engine.Mistakes, in place of the first.
func (c *Compiler) Thorough() *Compiler {
	other := *c
	other.thorough = true
	return &other
}

// Compile compiles raw, any JSON value of at most MaxTemplate bytes, for a place that may read what scope allows. No bytes
// at all stand for {}. Its errors are *Error and match ErrCompile.
func (c *Compiler) Compile(raw []byte, scope Scope) (Template, error) {
	return compileTemplate(raw, c.place(scope))
}

// CompileEvent is Compile for a place that may read the variable event, and nothing else.
func (c *Compiler) CompileEvent(raw []byte) (Template, error) {
	return compileTemplate(raw, c.eventPlace())
}

func compileTemplate(raw []byte, at place) (Template, error) {
	if len(raw) > MaxTemplate {
		err := compileError("is %d bytes of JSON, at most %d are allowed", len(raw), MaxTemplate)
		err.kinds = append(err.kinds, ErrTooLarge)
		return nil, err
	}
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	v, err := decode(raw)
	if err != nil {
		return nil, compileError("%v", err)
	}
	b := newBuilder(at)
	root, problem := b.node(v, "", MaxDepth)
	if problem = b.refuse(problem); problem != nil {
		return nil, problem
	}
	if len(b.mistakes) > 0 {
		return nil, b.mistakes
	}
	return &template{root: root, reads: b.reads}, nil
}

// builder builds the nodes of one template.
type builder struct {
	place       place
	cost        uint64 // units that the expressions may cost together
	reads       reads
	expressions int
	mistakes    engine.Mistakes // all, where the compiler is thorough
}

// refuse returns what is wrong with a value, which ends the compiling; nil where there is nothing, or where all is to be found.
func (b *builder) refuse(problem *Error) *Error {
	if problem == nil || !b.place.thorough {
		return problem
	}
	b.mistakes = append(b.mistakes, problem)
	return nil
}

func newBuilder(at place) *builder {
	return &builder{place: at, cost: MaxCost, reads: reads{steps: map[string]bool{}}}
}

// node compiles a decoded JSON value; depth is how many levels it may have.
func (b *builder) node(v any, path string, depth int) (node, *Error) {
	if depth < 0 {
		return nil, compileError("%v", errTooDeep).at(clip(path, 200))
	}
	switch v := v.(type) {
	case string:
		return b.text(v, path)
	case []any:
		list := make(listNode, len(v))
		for i, e := range v {
			var err *Error
			list[i], err = b.node(e, element(path, i), depth-1)
			if err = b.refuse(err); err != nil {
				return nil, err
			}
		}
		return list, nil
	case map[string]any:
		object := make(objectNode, 0, len(v))
		for _, key := range sortedKeys(v) {
			value, err := b.node(v[key], member(path, key), depth-1)
			if err = b.refuse(err); err != nil {
				return nil, err
			}
			object = append(object, memberNode{key: appendString(nil, key), value: value})
		}
		return object, nil
	}
	return constant(v, path)
}

// constant compiles what holds no expressions: null, a boolean or a number.
func constant(v any, path string) (node, *Error) {
	value, err := celValue(v, 0)
	if err != nil {
		return nil, compileError("%v", err).at(path)
	}
	raw, problem := appendValue(nil, value)
	if problem != nil {
		return nil, problem.at(path)
	}
	return constNode(raw), nil
}

// text compiles a string: one expression keeps its type, otherwise the parts make a string.
func (b *builder) text(s, path string) (node, *Error) {
	parts, err := scan(s)
	if err != nil {
		return nil, err.at(path)
	}
	if len(parts) == 1 && parts[0].isCEL {
		e, err := b.expression(parts[0].text, path, isValue)
		if err != nil {
			return nil, err.at(path)
		}
		return &valueNode{e}, nil
	}
	if len(parts) <= 1 { // nothing but literal text
		return constNode(appendString(nil, strings.Join(literals(parts), ""))), nil
	}
	splice, err := b.splice(parts, path)
	if err != nil {
		return nil, err
	}
	return splice, nil
}

// splice compiles the parts of a string whose expressions are written into it.
func (b *builder) splice(parts []part, path string) (*spliceNode, *Error) {
	splice := &spliceNode{path: path}
	for _, p := range parts {
		piece := splicePart{literal: p.text}
		if p.isCEL {
			var err *Error
			if piece.expr, err = b.expression(p.text, path, isSpliced); err != nil {
				return nil, err.at(path)
			}
		}
		splice.parts = append(splice.parts, piece)
	}
	return splice, nil
}

func literals(parts []part) []string {
	var texts []string
	for _, p := range parts {
		texts = append(texts, p.text)
	}
	return texts
}

// expression compiles one expression for a place that suits judges the type of.
func (b *builder) expression(source, path string, suits func(*types.Type) *Error) (e *expression, problem *Error) {
	defer func() { // a bug in the library must cost one definition, not the process
		if r := recover(); r != nil {
			e, problem = nil, compileError("the compiler failed: %s", oneLine(fmt.Sprint(r)))
		}
	}()
	if b.expressions++; b.expressions > MaxExpressions {
		return nil, compileError("too many expressions, at most %d are allowed in one value", MaxExpressions)
	}
	if len(source) > MaxExpression {
		return nil, compileError("the expression is %d bytes, at most %d are allowed", len(source), MaxExpression)
	}
	if strings.TrimSpace(source) == "" {
		return nil, compileError("the expression is empty: write one between ${ and }, or $${ for a literal ${")
	}
	env := b.place.vocabulary.env
	parsed, issues := env.Parse(source)
	if issues.Err() != nil {
		return nil, b.place.issueError(issues)
	}
	if err := checkReferences(parsed.NativeRep(), b.place, &b.reads); err != nil {
		return nil, err
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, b.place.issueError(issues)
	}
	if err := suits(checked.OutputType()); err != nil {
		err.kinds = []error{ErrCompile}
		err.Line, err.Column = 1, 1
		return nil, err
	}
	program, err := env.Program(checked, programOptions(b.cost)...)
	if err != nil {
		return nil, compileError("%s", oneLine(err.Error()))
	}
	return &expression{program: program, limit: b.cost, path: path, info: checked.NativeRep().SourceInfo()}, nil
}
