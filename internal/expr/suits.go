package expr

import (
	"cel.dev/cel-go/common/types"
)

const keysText = "gives a map whose keys are not all strings, which JSON does not have: convert them with string(…)"

// isValue judges the type of an expression that is a whole value: all that JSON has a form for.
func isValue(t *types.Type) *Error {
	switch t.Kind() {
	case types.TimestampKind, types.DurationKind, types.BytesKind, types.TypeKind:
		return unsuitable(t.TypeName())
	case types.OpaqueKind:
		return unsuitable(t.TypeName())
	case types.ListKind:
		return isValue(t.Parameters()[0])
	case types.MapKind:
		return isObject(t)
	}
	return nil
}

func isObject(t *types.Type) *Error {
	switch t.Parameters()[0].Kind() {
	case types.IntKind, types.UintKind, types.BoolKind, types.DoubleKind:
		return renderError(keysText)
	}
	return isValue(t.Parameters()[1])
}

// isSpliced judges the type of an expression within a longer string: string, int and bool, or what is known only
// when it is evaluated.
func isSpliced(t *types.Type) *Error {
	switch t.Kind() {
	case types.DoubleKind, types.ListKind, types.MapKind, types.NullTypeKind:
		return notSpliced(t.TypeName())
	}
	return isValue(t)
}

// notSpliced is the error about a value that a longer string cannot hold.
func notSpliced(typeName string) *Error {
	switch typeName {
	case "double":
		return renderError("a double cannot stand in a text: convert it with string(…)")
	case "null_type":
		return renderError("null cannot stand in a text: say what to write in its place")
	}
	return renderError("a %s cannot stand in a text: only string, int and bool can", typeName)
}

// isCondition judges the type of a condition: bool, or what is known only when it is evaluated.
func isCondition(t *types.Type) *Error {
	switch t.Kind() {
	case types.BoolKind, types.DynKind, types.AnyKind, types.TypeParamKind:
		return nil
	case types.OpaqueKind:
		return unsuitable(t.TypeName())
	}
	return notTrueOrFalse(t.TypeName())
}

// notTrueOrFalse is the error about a value that is no condition.
func notTrueOrFalse(typeName string) *Error {
	if typeName == "null_type" {
		return renderError("gives null, where true or false is needed")
	}
	article := "a"
	if typeName == "int" {
		article = "an"
	}
	return renderError("gives %s %s, where true or false is needed", article, typeName)
}
