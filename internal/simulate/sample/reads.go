package sample

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// read is a field that an expression reads, with the value that would suit what it does with it: value or, where it is compared
// with one of the params, like.
type read struct {
	path  []string
	value any
	like  []string
}

const fieldPattern = `((?:\.\??[A-Za-z_]\w*|\[\??['"][^'"]+['"]\])+)`

var (
	outputPattern = regexp.MustCompile(`steps(?:\[\??['"]([a-z0-9-]+)['"]\]|\.\??([a-z][a-z0-9_]*))\.\??output` + fieldPattern + tail)
	eventPattern  = regexp.MustCompile(`event\.\??data` + fieldPattern + tail)
	paramsPattern = regexp.MustCompile(`params` + fieldPattern + tail)
	segments      = regexp.MustCompile(`[A-Za-z_]\w*|['"][^'"]+['"]`)
)

// tail is what may follow a field: a call of its last part, or a comparison with something literal.
const tail = `(\()?(?:\s*(==|!=|>=|<=|>|<|in)\s*(\[\s*)?('[^']*'|"[^"]*"|-?\d+(?:\.\d+)?|true|false|params(?:\.\??[A-Za-z_]\w*)+))?`

// readOf turns the groups of a match, from the fields on, into a read.
func readOf(fields, call, operator, literal string) read {
	r := read{value: literalOf(operator, literal)}
	if path, ok := strings.CutPrefix(literal, "params."); ok && operator == "==" {
		r.like = segments.FindAllString(path, -1)
	}
	for _, s := range segments.FindAllString(fields, -1) {
		r.path = append(r.path, strings.Trim(s, `'"`))
	}
	if call == "" {
		return r
	}
	method := r.path[len(r.path)-1]
	r.path = r.path[:len(r.path)-1]
	switch method {
	case "map", "filter", "all", "exists", "exists_one", "join", "sum":
		r.value = []any{}
	default:
		r.value = nil
	}
	return r
}

// fitting returns the read with the value that is compared with.
func (r read) fitting(params map[string]any) read {
	if r.like != nil {
		r.value = at(params, r.like)
	}
	return r
}

// literalOf returns a value for which a comparison holds, or nil.
func literalOf(operator, literal string) any {
	if literal == "" {
		return nil
	}
	if text := strings.Trim(literal, `'"`); text != literal {
		if operator == "!=" {
			return text + "x"
		}
		return text
	}
	var value any
	if json.Unmarshal([]byte(literal), &value) != nil {
		return nil
	}
	switch v := value.(type) {
	case bool:
		return v == (operator != "!=")
	case float64:
		switch operator {
		case ">", "!=":
			return v + 1
		case "<":
			return v - 1
		}
	}
	return value
}

// textsOf returns every string of a value, whatever it is.
func textsOf(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, e := range v {
			all = append(all, textsOf(e)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, e := range v {
			all = append(all, textsOf(e)...)
		}
		slices.Sort(all)
		return all
	}
	return nil
}

func expressionsOf(value any) ([]string, error) {
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("reading the definition: %w", err)
	}
	var untyped any
	if err := json.Unmarshal(raw, &untyped); err != nil {
		return nil, fmt.Errorf("reading the definition: %w", err)
	}
	return textsOf(untyped), nil
}

// at is what an object holds under a path, or nil.
func at(object map[string]any, path []string) any {
	var value any = object
	for _, name := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[name]
	}
	return value
}

// put sets a field that is not there yet, or that is there without a value of its own.
func put(object map[string]any, r read, fallback string) {
	if len(r.path) == 0 {
		return
	}
	for _, name := range r.path[:len(r.path)-1] {
		inner, ok := object[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			object[name] = inner
		}
		object = inner
	}
	name := r.path[len(r.path)-1]
	_, there := object[name]
	switch {
	case r.value != nil:
		object[name] = r.value
	case !there:
		object[name] = fallback
	}
}

// Answers returns what participants could answer, and what awaited events could hold, by step: what outputSchema takes, with
// the keys that are kept and what expressions read of them, fitting params, a JSON object.
func Answers(def v1alpha1.SagaDefinitionSpec, params []byte) (map[string][]byte, error) {
	texts, err := expressionsOf(def)
	if err != nil {
		return nil, err
	}
	known := map[string]any{}
	if err := json.Unmarshal(params, &known); err != nil {
		return nil, fmt.Errorf("reading params: %w", err)
	}
	answers := map[string][]byte{}
	for _, s := range def.Steps {
		schema, keys := outputOf(s)
		object, err := objectOf(schema)
		if err != nil {
			return nil, fmt.Errorf("step %s: outputSchema: %w", s.Name, err)
		}
		for _, k := range keys {
			put(object, read{path: []string{k}}, s.Name+"-"+k)
		}
		for _, r := range outputsRead(texts, s.Name) {
			put(object, r.fitting(known), s.Name+"-"+strings.Join(r.path, "-"))
		}
		if s.Await != nil {
			for _, m := range eventPattern.FindAllStringSubmatch(s.Await.Filter, -1) {
				put(object, readOf(m[1], m[2], m[3], m[5]).fitting(known), s.Name)
			}
		}
		if answers[s.Name], err = json.Marshal(object); err != nil {
			return nil, fmt.Errorf("step %s: %w", s.Name, err)
		}
	}
	return answers, nil
}

func outputOf(s v1alpha1.Step) (schema []byte, keys []string) {
	switch {
	case s.Action != nil:
		if s.Action.OutputSchema != nil {
			schema = s.Action.OutputSchema.Raw
		}
		keys = s.Action.Output
	case s.Await != nil:
		if s.Await.OutputSchema != nil {
			schema = s.Await.OutputSchema.Raw
		}
		keys = s.Await.Output
	}
	return schema, keys
}

func objectOf(schema []byte) (map[string]any, error) {
	object := map[string]any{}
	if len(schema) == 0 {
		return object, nil
	}
	raw, err := Value(schema)
	if err != nil {
		return nil, err
	}
	return object, json.Unmarshal(raw, &object)
}

func outputsRead(texts []string, step string) []read {
	var reads []read
	for _, t := range texts {
		for _, m := range outputPattern.FindAllStringSubmatch(t, -1) {
			if m[1] == step || m[2] == step {
				reads = append(reads, readOf(m[3], m[4], m[5], m[7]))
			}
		}
	}
	return reads
}

// Params returns params that a definition takes: what its schema demands, or else what its expressions read.
func Params(def v1alpha1.SagaDefinitionSpec) ([]byte, error) {
	if def.Parameters != nil && len(def.Parameters.Raw) > 0 {
		return Value(def.Parameters.Raw)
	}
	texts, err := expressionsOf(def)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	for _, t := range texts {
		for _, m := range paramsPattern.FindAllStringSubmatch(t, -1) {
			r := readOf(m[1], m[2], m[3], m[5])
			put(object, r, strings.Join(r.path, "-"))
		}
	}
	return json.Marshal(object)
}
