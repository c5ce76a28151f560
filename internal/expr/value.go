package expr

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

var (
	errNotJSON = errors.New("is no valid JSON")
	errTooDeep = errors.New("is nested too deeply, at most " + strconv.Itoa(MaxDepth) + " levels are allowed")
)

// decode reads one JSON value, with numbers as json.Number.
func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errNotJSON
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return v, nil
}

// objectValue reads a JSON object for CEL; no bytes at all are the empty object.
func objectValue(raw []byte) (ref.Val, error) {
	if len(raw) == 0 {
		return newMap(map[ref.Val]ref.Val{}), nil
	}
	v, err := decode(raw)
	if err != nil {
		return nil, err
	}
	if _, ok := v.(map[string]any); !ok {
		return nil, errors.New("is no JSON object")
	}
	return celValue(v, MaxDepth)
}

// celValue turns a decoded JSON value into CEL's; depth is how many levels it may have.
func celValue(v any, depth int) (ref.Val, error) {
	if depth < 0 {
		return nil, errTooDeep
	}
	switch v := v.(type) {
	case nil:
		return types.NullValue, nil
	case bool:
		return types.Bool(v), nil
	case string:
		return types.String(v), nil
	case json.Number:
		return number(v.String())
	case []any:
		list := make([]ref.Val, len(v))
		for i, e := range v {
			var err error
			if list[i], err = celValue(e, depth-1); err != nil {
				return nil, err
			}
		}
		return newList(list), nil
	case map[string]any:
		entries := make(map[ref.Val]ref.Val, len(v))
		for k, e := range v {
			value, err := celValue(e, depth-1)
			if err != nil {
				return nil, err
			}
			entries[types.String(k)] = value
		}
		return newMap(entries), nil
	}
	return nil, errNotJSON
}

// number turns a JSON number into an int where it is whole and fits, since JSON does not tell 1 from 1.0 and the API
// server makes the one into the other; else into a double.
func number(text string) (ref.Val, error) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return types.Int(i), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, errors.New("holds the number " + clip(text, 40) + ", which is out of range")
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		return types.Int(int64(f)), nil
	}
	return types.Double(f), nil
}

// stringMap turns a map of strings into CEL's.
func stringMap(m map[string]string) ref.Val {
	entries := make(map[ref.Val]ref.Val, len(m))
	for k, v := range m {
		entries[types.String(k)] = types.String(v)
	}
	return newMap(entries)
}

// orderedMap is a map that is walked in the order of its keys. CEL's own maps are walked in Go's random order, which
// would let one expression render to different bytes.
type orderedMap struct {
	traits.Mapper
	sizer types.AggregateSizeVisitor
}

func newMap(entries map[ref.Val]ref.Val) ref.Val {
	return ordered(types.NewRefValMap(types.DefaultTypeAdapter, entries))
}

func ordered(m traits.Mapper) ref.Val {
	if _, ok := m.(*orderedMap); ok {
		return m
	}
	sizer, _ := m.(types.AggregateSizeVisitor)
	return &orderedMap{Mapper: m, sizer: sizer}
}

// longList is a list of the parameters or of an output that is too long to be walked. It can be indexed, compared and
// passed on.
type longList struct{ traits.Lister }

func newList(elements []ref.Val) ref.Val {
	list := types.NewRefValList(types.DefaultTypeAdapter, elements)
	if len(elements) > maxWalk {
		return &longList{list}
	}
	return list
}

// Iterator walks the list, but not beyond maxWalk.
func (l *longList) Iterator() traits.Iterator {
	return &shortWalk{Iterator: l.Lister.Iterator()}
}

// shortWalk ends the evaluation after maxWalk elements, in the way in which CEL's cost limit does: comprehensions take no
// error from what they walk.
type shortWalk struct {
	traits.Iterator
	walked int
}

func (w *shortWalk) Next() ref.Val {
	if w.walked++; w.walked > maxWalk {
		panic(interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: tooLongText})
	}
	return w.Iterator.Next()
}

// AggregateSize is the list's size with all that is in it.
func (l *longList) AggregateSize(sizer types.AggregateSizer) uint32 {
	return sizer.AggregateSize(l.Lister)
}

// keys returns the keys in order: of one kind by value, of several by kind first.
func (m *orderedMap) keys() []ref.Val {
	keys := make([]ref.Val, 0, 8)
	for it := m.Mapper.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}

func compareKeys(a, b ref.Val) int {
	if a.Type() == b.Type() {
		if c, ok := a.(traits.Comparer); ok {
			if order, ok := c.Compare(b).(types.Int); ok {
				return int(order)
			}
		}
	}
	return bytes.Compare([]byte(a.Type().TypeName()), []byte(b.Type().TypeName()))
}

// Iterator walks the keys in order.
func (m *orderedMap) Iterator() traits.Iterator {
	return types.NewRefValList(types.DefaultTypeAdapter, m.keys()).Iterator()
}

// IsZeroValue says whether the map is empty, for optional.ofNonZeroValue.
func (m *orderedMap) IsZeroValue() bool {
	return m.Size() == types.IntZero
}

// AggregateSize is the map's size with all that is in it.
func (m *orderedMap) AggregateSize(sizer types.AggregateSizer) uint32 {
	if m.sizer == nil {
		return math.MaxUint32
	}
	return m.sizer.AggregateSize(sizer)
}

// sortedKeys returns the keys of a decoded JSON object in order.
func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}

// clip shortens s to at most n bytes, on a boundary of characters.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}
