package expr

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// appendValue appends v as canonical JSON. It stops, without error, once dst has outgrown maxCounted: the caller
// refuses that anyway, and a value whose parts are shared may be far larger written than held.
func appendValue(dst []byte, v ref.Val) ([]byte, *Error) {
	if len(dst) > maxCounted {
		return dst, nil
	}
	switch v := v.(type) {
	case types.Null:
		return append(dst, "null"...), nil
	case types.Bool:
		return strconv.AppendBool(dst, bool(v)), nil
	case types.Int:
		return strconv.AppendInt(dst, int64(v), 10), nil
	case types.Uint:
		return strconv.AppendUint(dst, uint64(v), 10), nil
	case types.Double:
		return appendDouble(dst, float64(v))
	case types.String:
		return appendString(dst, string(v)), nil
	case traits.Lister:
		return appendList(dst, v)
	case traits.Mapper:
		return appendMap(dst, v)
	}
	return nil, unsuitable(v.Type().TypeName())
}

// unsuitable is the error about a result that JSON has no form for.
func unsuitable(typeName string) *Error {
	switch typeName {
	case "google.protobuf.Timestamp", "google.protobuf.Duration":
		short := strings.ToLower(strings.TrimPrefix(typeName, "google.protobuf."))
		return renderError("gives a %s, which JSON does not have: convert it with string(…)", short)
	case "bytes":
		return renderError("gives bytes, which JSON does not have: convert them with string(…)")
	case "optional_type":
		return renderError("gives an optional value: say with .orValue(…) what it is when there is none")
	}
	return renderError("gives a %s, which JSON does not have", typeName)
}

func appendList(dst []byte, list traits.Lister) ([]byte, *Error) {
	dst = append(dst, '[')
	for i := range count(list) {
		if len(dst) > maxCounted {
			break
		}
		if i > 0 {
			dst = append(dst, ',')
		}
		var err *Error
		if dst, err = appendValue(dst, list.Get(types.Int(i))); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendMap(dst []byte, m traits.Mapper) ([]byte, *Error) {
	keys := make([]string, 0, 8)
	for it := m.Iterator(); it.HasNext() == types.True; {
		key, ok := it.Next().(types.String)
		if !ok {
			return nil, renderError(keysText)
		}
		keys = append(keys, string(key))
	}
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, key), ':')
		var err *Error
		if dst, err = appendValue(dst, m.Get(types.String(key))); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// appendDouble writes whole numbers without a fraction, and very large or small ones with an exponent.
func appendDouble(dst []byte, f float64) ([]byte, *Error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, renderError("gives %v, which JSON does not have", f)
	}
	if f == 0 {
		return append(dst, '0'), nil // and not -0
	}
	format := byte('f')
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e21 {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64), nil
}

// appendString writes a JSON string without HTML escaping.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return appendEscaped(dst, s)
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, s string) []byte {
	buf := bytes.NewBuffer(dst)
	e := json.NewEncoder(buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // cannot be: neither strings nor buffers fail
		return append(dst, `""`...)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}
