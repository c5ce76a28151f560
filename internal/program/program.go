// Package program compiles definitions once and remembers them, and digests what a saga runs.
package program

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/lru"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

// kept bounds how many compiled definitions are remembered.
const kept = 1024

// Compiled is a definition ready to run.
type Compiled struct {
	*engine.Program
	Schema *expr.Schema // of params; nil: any object
	Digest string       // of the definition, as canonical JSON
	Limits Limits       // of the sagas that run at the same time
}

// ErrInvalidSchema says that spec.parameters is no JSON Schema that can be used.
var ErrInvalidSchema = fmt.Errorf("%w: parameters", engine.ErrInvalidDefinition)

// Cache compiles each definition once. It is safe for concurrent use.
type Cache struct {
	expressions engine.Expressions
	compiled    *lru.Cache // by entry
	revisions   *lru.Cache // by the UID of an immutable revision
}

// entry is the key of a compiled definition.
type entry struct {
	digest   string
	accepted bool // before: it may have mistakes that were not looked for then
}

// NewCache returns an empty cache.
func NewCache(x engine.Expressions) *Cache {
	return &Cache{expressions: x, compiled: lru.New(kept), revisions: lru.New(kept)}
}

// Compile returns the compiled definition. It refuses what cannot be meant, such as a field that the schema of the parameters
// leaves no room for. Its errors are those of engine.Compile, or ErrInvalidSchema.
func (c *Cache) Compile(def v1alpha1.SagaDefinitionSpec) (*Compiled, error) {
	return c.get(def, false)
}

// Recompile is Compile for a definition that was accepted before, maybe by a version that looked for fewer mistakes: a saga
// that runs it goes on.
func (c *Cache) Recompile(def v1alpha1.SagaDefinitionSpec) (*Compiled, error) {
	return c.get(def, true)
}

func (c *Cache) get(def v1alpha1.SagaDefinitionSpec, accepted bool) (*Compiled, error) {
	exact, err := digestOf(def)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrInvalidDefinition, err)
	}
	key := entry{exact, accepted}
	if hit, ok := c.compiled.Get(key); ok {
		return hit.(*Compiled), nil
	}
	compiled, err := c.compile(def, accepted)
	if err != nil {
		return nil, err
	}
	if compiled.Digest, err = Digest(def); err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrInvalidDefinition, err)
	}
	c.compiled.Add(key, compiled)
	return compiled, nil
}

// CompileRevision is Recompile for what never changes under its UID: the definition is loaded the first time only. Its errors are
// also those of load.
func (c *Cache) CompileRevision(uid types.UID, load func() (v1alpha1.SagaDefinitionSpec, error)) (*Compiled, error) {
	if hit, ok := c.revisions.Get(uid); ok {
		return hit.(*Compiled), nil
	}
	def, err := load()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrInvalidDefinition, err)
	}
	compiled, err := c.Recompile(def)
	if err != nil {
		return nil, err
	}
	c.revisions.Add(uid, compiled)
	return compiled, nil
}

func (c *Cache) compile(def v1alpha1.SagaDefinitionSpec, accepted bool) (*Compiled, error) {
	schema, schemaErr := parameters(def, accepted)
	x := c.expressions
	if compiler, ok := x.(*expr.Compiler); ok && !accepted {
		x = compiler.With(shapes(def, schema))
	}
	p, err := engine.Compile(def, x)
	if err != nil {
		return nil, err
	}
	if schemaErr != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidSchema, schemaErr)
	}
	limits, err := compileLimits(def, x)
	if err != nil {
		return nil, err
	}
	return &Compiled{Program: p, Schema: schema, Limits: limits}, nil
}

// parameters compiles the schema of a definition's parameters; nil: any object.
func parameters(def v1alpha1.SagaDefinitionSpec, accepted bool) (*expr.Schema, error) {
	switch {
	case def.Parameters == nil || len(def.Parameters.Raw) == 0:
		return nil, nil
	case accepted:
		return expr.LoadSchema(def.Parameters.Raw)
	}
	return expr.CompileSchema(def.Parameters.Raw)
}

// Digest is that of a definition, as status.inputDigest has it. A list `output` that is empty counts as one that is absent, as it did
// when the first sagas were stored.
func Digest(def v1alpha1.SagaDefinitionSpec) (string, error) {
	def = *def.DeepCopy()
	for i := range def.Steps {
		if a := def.Steps[i].Action; a != nil && len(a.Output) == 0 {
			a.Output = nil
		}
	}
	return digestOf(def)
}

// digestOf digests a definition as canonical JSON.
func digestOf(def v1alpha1.SagaDefinitionSpec) (string, error) {
	raw, err := json.Marshal(def)
	if err != nil {
		return "", err
	}
	canonical, err := Canonical(raw)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// InputDigest digests all that a saga runs: its definition, its params and its keys.
func InputDigest(definition string, saga engine.Saga) string {
	h := sha256.New()
	for _, part := range []string{definition, string(saga.Params), saga.IdempotencyKey, saga.BusinessKey, string(saga.OnKeyUsed)} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)[:16])
}

// Canonical returns JSON with sorted keys and without white space; numbers keep their digits.
func Canonical(raw []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, fmt.Errorf("reading JSON: something follows the value")
	}
	canonical, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("writing JSON: %w", err)
	}
	return canonical, nil
}
