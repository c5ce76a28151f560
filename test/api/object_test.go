package api

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// examples are the files of testdata: valid objects that between them have every field.
const (
	definition      = "definition"
	graph           = "graph" // a definition with steps of every kind
	saga            = "saga"  // holds its definition
	sagaGraph       = "saga-graph"
	sagaByReference = "saga-by-reference"
	participant     = "participant"
	sagaTrigger     = "trigger"
	orderTrigger    = "trigger-order"
	order           = "order"
)

// load reads an example.
func load(t testing.TB, example string) *unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", example+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(text, &object.Object); err != nil {
		t.Fatalf("reading example %s: %v", example, err)
	}
	return object
}

// edit changes an object.
type edit func(*unstructured.Unstructured)

// set puts a value at a path such as spec/steps/0/name, over what is there. One past the end of a list appends.
func set(path string, value any) edit {
	return func(o *unstructured.Unstructured) {
		o.Object = put(o.Object, strings.Split(path, "/"), plain(value)).(map[string]any)
	}
}

// plain turns Go's integers into those of JSON documents, which are all that unstructured objects may hold.
func plain(value any) any {
	if n, isInt := value.(int); isInt {
		return int64(n)
	}
	return value
}

// fields is an object within a resource, names and values in turn.
func fields(namesAndValues ...any) map[string]any {
	object := map[string]any{}
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		object[namesAndValues[i].(string)] = plain(namesAndValues[i+1])
	}
	return object
}

// remove takes a field or an item away.
func remove(path string) edit {
	return func(o *unstructured.Unstructured) {
		o.Object = put(o.Object, strings.Split(path, "/"), gone{}).(map[string]any)
	}
}

// rename moves a field to another name beside it, with its value.
func rename(path, name string) edit {
	return func(o *unstructured.Unstructured) {
		parent, old := path[:strings.LastIndex(path, "/")], path[strings.LastIndex(path, "/")+1:]
		siblings := maps.Clone(at(o.Object, strings.Split(parent, "/")).(map[string]any))
		siblings[name] = siblings[old]
		delete(siblings, old)
		set(parent, siblings)(o)
	}
}

// swap exchanges the first two items of a list.
func swap(path string) edit {
	return func(o *unstructured.Unstructured) {
		items := slices.Clone(at(o.Object, strings.Split(path, "/")).([]any))
		items[0], items[1] = items[1], items[0]
		set(path, items)(o)
	}
}

// gone is the value of what is removed.
type gone struct{}

// put returns node with value at path; the containers on the way are copied.
func put(node any, path []string, value any) any {
	if len(path) == 0 {
		return value
	}
	if items, isList := node.([]any); isList {
		return putItem(slices.Clone(items), path, value)
	}
	object, _ := node.(map[string]any)
	object = maps.Clone(object)
	if object == nil {
		object = map[string]any{}
	}
	next := put(object[path[0]], path[1:], value)
	if _, isGone := next.(gone); isGone {
		delete(object, path[0])
		return object
	}
	object[path[0]] = next
	return object
}

func putItem(items []any, path []string, value any) any {
	index, err := strconv.Atoi(path[0])
	if err != nil || index >= len(items) {
		index = len(items)
		items = append(items, nil)
	}
	next := put(items[index], path[1:], value)
	if _, isGone := next.(gone); isGone {
		return slices.Delete(items, index, index+1)
	}
	items[index] = next
	return items
}

// at returns what is at path, or nil.
func at(node any, path []string) any {
	for _, name := range path {
		switch container := node.(type) {
		case map[string]any:
			node = container[name]
		case []any:
			index, err := strconv.Atoi(name)
			if err != nil || index >= len(container) {
				return nil
			}
			node = container[index]
		default:
			return nil
		}
	}
	return node
}
