package casetest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// shape collects where a document holds values of another kind than its fields take.
type shape struct{ wrong []error }

func (s *shape) wrongf(path, format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
}

// judge compares a value, as JSON is read into any, with the Go type that it is to become. A field that is not known is passed over.
func (s *shape) judge(path string, value any, want reflect.Type) {
	if want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	if value == nil || want == reflect.TypeFor[runtime.RawExtension]() {
		return
	}
	switch {
	case want == reflect.TypeFor[metav1.Duration]():
		s.duration(path, value)
	case want == reflect.TypeFor[metav1.Time]():
		s.time(path, value)
	case want.Kind() == reflect.Struct:
		s.object(path, value, fieldsOf(want))
	case want.Kind() == reflect.Map:
		s.entries(path, value, want.Elem())
	case want.Kind() == reflect.Slice:
		s.list(path, value, want.Elem())
	default:
		s.scalar(path, value, want.Kind())
	}
}

func (s *shape) object(path string, value any, fields map[string]reflect.Type) {
	object, ok := value.(map[string]any)
	if !ok {
		s.wrongf(path, "must be an object, is %s", kindOf(value))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if want, known := fields[name]; known {
			s.judge(strings.TrimPrefix(path+"."+name, "."), object[name], want)
		}
	}
}

func (s *shape) entries(path string, value any, want reflect.Type) {
	object, ok := value.(map[string]any)
	if !ok {
		s.wrongf(path, "must be an object, is %s", kindOf(value))
		return
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		s.judge(path+"."+name, object[name], want)
	}
}

func (s *shape) list(path string, value any, want reflect.Type) {
	list, ok := value.([]any)
	if !ok {
		s.wrongf(path, "must be a list, is %s", kindOf(value))
		return
	}
	for i, v := range list {
		s.judge(fmt.Sprintf("%s[%d]", path, i), v, want)
	}
}

func (s *shape) scalar(path string, value any, want reflect.Kind) {
	switch want {
	case reflect.String:
		if _, ok := value.(string); !ok {
			s.wrongf(path, "must be a text, is %s%s", kindOf(value), quoted(value))
		}
	case reflect.Bool:
		if _, ok := value.(bool); !ok {
			s.wrongf(path, "must be true or false, is %s", kindOf(value))
		}
	default: // int32
		n, ok := value.(float64)
		switch {
		case !ok:
			s.wrongf(path, "must be a whole number, is %s", kindOf(value))
		case n != math.Trunc(n) || math.Abs(n) > math.MaxInt32:
			s.wrongf(path, "must be a whole number of at most %d, is %v", math.MaxInt32, n)
		}
	}
}

func (s *shape) duration(path string, value any) {
	text, ok := value.(string)
	if _, err := time.ParseDuration(text); !ok || err != nil {
		s.wrongf(path, "%s is no duration such as 72h", literal(value))
	}
}

func (s *shape) time(path string, value any) {
	text, ok := value.(string)
	if _, err := time.Parse(time.RFC3339, text); !ok || err != nil {
		s.wrongf(path, "%s is no time such as 2026-01-01T00:00:00Z", literal(value))
	}
}

// fieldsOf are the fields of a struct by their names in JSON, also those that stand in it inline.
func fieldsOf(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			maps.Copy(fields, fieldsOf(f.Type))
			continue
		}
		fields[name] = f.Type
	}
	return fields
}

// kindOf is the kind of a value of JSON, in words.
func kindOf(value any) string {
	switch value.(type) {
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a text"
	case []any:
		return "a list"
	}
	return "an object"
}

// quoted is how a text is written that YAML took for something else. The words that it takes for booleans are mostly meant as words.
func quoted(value any) string {
	switch v := value.(type) {
	case bool:
		if v {
			return ` (quote it: "yes")`
		}
		return ` (quote it: "no")`
	case float64:
		return fmt.Sprintf(" (quote it: %q)", literal(v))
	}
	return ""
}

// literal is a value as JSON writes it.
func literal(value any) string {
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(raw)
}
