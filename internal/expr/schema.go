package expr

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Bounds of schemas and of what they judge.
const (
	MaxSchema = 32 << 10 // bytes of a JSON Schema
	MaxParams = 16 << 10 // bytes of parameters, and of an output

	maxSchemaDepth    = 64    // levels of nesting, of a schema and of what it judges
	maxSchemaWork     = 1_000 // subschemas that may be tried along one path through the parameters
	maxPatternProgram = 2_000 // instructions of a compiled pattern
	maxViolations     = 5     // violations that one message names
	maxMessage        = 1_000 // bytes of one message
)

const (
	dialect    = "https://json-schema.org/draft/2020-12/schema"
	schemaHome = "schema://parameters/" // where relative references would lead; nothing is there
)

// Schema is a compiled JSON Schema of parameters, or of a step's output. It may be used by several goroutines at once.
// The zero Schema, and nil, accept everything.
type Schema struct {
	compiled *jsonschema.Schema // nil: accepts everything
	isOutput bool
}

// CompileSchema compiles a JSON Schema, draft 2020-12, of at most MaxSchema bytes; no bytes at all accept everything.
// Formats are asserted, patterns are RE2, nothing outside the document is read, and what contradicts itself is refused.
// Its errors match ErrSchema.
func CompileSchema(raw []byte) (*Schema, error) {
	return compileSchema(raw, contradictions)
}

// LoadSchema is CompileSchema for a schema that was accepted before, maybe by a version that took contradictions.
func LoadSchema(raw []byte) (*Schema, error) {
	return compileSchema(raw, func(*jsonschema.Schema) error { return nil })
}

func compileSchema(raw []byte, check func(*jsonschema.Schema) error) (*Schema, error) {
	if len(raw) == 0 {
		return &Schema{}, nil
	}
	if len(raw) > MaxSchema {
		return nil, fmt.Errorf("%w: it is %d bytes, at most %d are allowed", ErrSchema, len(raw), MaxSchema)
	}
	doc, err := schemaDocument(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	c := newSchemaCompiler()
	if err := c.AddResource(schemaHome, doc); err != nil {
		return nil, fmt.Errorf("%w: %s", ErrSchema, explainSchema(err))
	}
	compiled, err := c.Compile(schemaHome)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrSchema, explainSchema(err))
	}
	for _, judge := range []func(*jsonschema.Schema) error{checkWork, check} {
		if err := judge(compiled); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSchema, err)
		}
	}
	takeClaimChecks(compiled)
	return &Schema{compiled: compiled}, nil
}

// Validate judges raw, a JSON object; no bytes at all stand for {}. A claim check matches wherever it stands. Its errors
// match ErrInvalid (ErrOutput for the schema of an output), and ErrTooLarge beyond MaxParams; they name the first few
// violations in one line, each with the JSON pointer of the field.
func (s *Schema) Validate(raw []byte) error {
	breaks := ErrInvalid
	if s != nil && s.isOutput {
		breaks = ErrOutput
	}
	if len(raw) > MaxParams {
		return fmt.Errorf("%w: %w: they are %d bytes, at most %d are allowed", breaks, ErrTooLarge, len(raw), MaxParams)
	}
	if s == nil || s.compiled == nil {
		return nil
	}
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	v, err := plainDocument(raw)
	if err != nil {
		return fmt.Errorf("%w: the document %w", breaks, err)
	}
	if problem := violationsOf(s.compiled, v); problem != "" {
		return fmt.Errorf("%w: %s", breaks, problem)
	}
	return nil
}

// violationsOf says in one line how v breaks s, or nothing.
func violationsOf(s *jsonschema.Schema, v any) string {
	err := s.Validate(v)
	var broken *jsonschema.ValidationError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &broken):
		return violations(broken)
	}
	return oneLine(err.Error())
}

func newSchemaCompiler() *jsonschema.Compiler {
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(nowhere{})
	c.UseRegexpEngine(schemaPattern)
	return c
}

// nowhere loads nothing.
type nowhere struct{}

var errOutside = errors.New("nothing outside of the schema is read")

func (nowhere) Load(string) (any, error) { return nil, errOutside }

func schemaPattern(pattern string) (jsonschema.Regexp, error) {
	return compilePattern(pattern, maxPatternProgram)
}

// schemaDocument decodes a schema and checks what the library would not.
func schemaDocument(raw []byte) (any, error) {
	doc, err := plainDocument(raw)
	if err != nil {
		return nil, fmt.Errorf("the document %w", err)
	}
	switch doc := doc.(type) {
	case bool:
		return doc, nil
	case map[string]any:
		if d, ok := doc["$schema"]; ok && d != dialect && d != dialect+"#" {
			return nil, fmt.Errorf("/$schema: only %s is supported: leave it out", dialect)
		}
		return doc, nil
	}
	return nil, errors.New("it must be a JSON object")
}

// plainDocument decodes JSON whose depth is bounded and whose numbers are of ordinary size: validation works with
// exact fractions, for which 1e999999999 would fill the memory.
func plainDocument(raw []byte) (any, error) {
	v, err := decode(raw)
	if err != nil {
		return nil, err
	}
	return plain(v, maxSchemaDepth)
}

func plain(v any, depth int) (any, error) {
	if depth < 0 {
		return nil, errTooDeep
	}
	var err error
	switch v := v.(type) {
	case json.Number:
		return plainNumber(v)
	case []any:
		for i := range v {
			if v[i], err = plain(v[i], depth-1); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for _, k := range sortedKeys(v) {
			if v[k], err = plain(v[k], depth-1); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func plainNumber(n json.Number) (any, error) {
	value, err := number(n.String())
	if err != nil {
		return nil, err
	}
	if i, ok := value.(types.Int); ok {
		return json.Number(strconv.FormatInt(int64(i), 10)), nil
	}
	f, _ := value.(types.Double)
	return json.Number(strconv.FormatFloat(float64(f), 'g', -1, 64)), nil
}

// explainSchema turns an error of the compiler into one line.
func explainSchema(err error) string {
	var load *jsonschema.LoadURLError
	var scheme *jsonschema.SchemaValidationError
	var broken *jsonschema.ValidationError
	var missing *jsonschema.JSONPointerNotFoundError
	switch {
	case errors.As(err, &load):
		return fmt.Sprintf("$ref to %q leads outside of the schema: put what it refers to under $defs", clip(strings.TrimPrefix(load.URL, schemaHome), 200))
	case errors.As(err, &scheme) && errors.As(scheme.Err, &broken):
		return strings.ReplaceAll(violations(broken), "/type: matches none of the alternatives (anyOf)",
			"/type: must be one of array, boolean, integer, null, number, object, string, or a list of these")
	case errors.As(err, &missing):
		return fmt.Sprintf("$ref to %q leads nowhere", clip(strings.TrimPrefix(missing.URL, schemaHome), 200))
	}
	return oneLine(strings.ReplaceAll(err.Error(), schemaHome, ""))
}

// ratText writes a number of a schema or of parameters.
func ratText(r *big.Rat) string {
	if r.IsInt() {
		return clip(r.Num().String(), 40)
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}
