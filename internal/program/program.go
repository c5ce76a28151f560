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
}

// ErrInvalidSchema says that spec.parameters is no JSON Schema that can be used.
var ErrInvalidSchema = fmt.Errorf("%w: parameters", engine.ErrInvalidDefinition)

// Cache compiles each definition once. It is safe for concurrent use.
type Cache struct {
	expressions engine.Expressions
	compiled    *lru.Cache // by digest
	revisions   *lru.Cache // by the UID of an immutable revision
}

// NewCache returns an empty cache.
func NewCache(x engine.Expressions) *Cache {
	return &Cache{expressions: x, compiled: lru.New(kept), revisions: lru.New(kept)}
}

// Compile returns the compiled definition. Its errors are those of engine.Compile, or ErrInvalidSchema.
func (c *Cache) Compile(def v1alpha1.SagaDefinitionSpec) (*Compiled, error) {
	raw, err := json.Marshal(def)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrInvalidDefinition, err)
	}
	canonical, err := Canonical(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrInvalidDefinition, err)
	}
	digest := digestOf(canonical)
	if hit, ok := c.compiled.Get(digest); ok {
		return hit.(*Compiled), nil
	}
	compiled, err := c.compile(def)
	if err != nil {
		return nil, err
	}
	compiled.Digest = digest
	c.compiled.Add(digest, compiled)
	return compiled, nil
}

// CompileRevision is Compile for what never changes under its UID: the definition is loaded the first time only. Its errors are
// also those of load.
func (c *Cache) CompileRevision(uid types.UID, load func() (v1alpha1.SagaDefinitionSpec, error)) (*Compiled, error) {
	if hit, ok := c.revisions.Get(uid); ok {
		return hit.(*Compiled), nil
	}
	def, err := load()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", engine.ErrInvalidDefinition, err)
	}
	compiled, err := c.Compile(def)
	if err != nil {
		return nil, err
	}
	c.revisions.Add(uid, compiled)
	return compiled, nil
}

func (c *Cache) compile(def v1alpha1.SagaDefinitionSpec) (*Compiled, error) {
	p, err := engine.Compile(def, c.expressions)
	if err != nil {
		return nil, err
	}
	compiled := &Compiled{Program: p}
	if def.Parameters != nil && len(def.Parameters.Raw) > 0 {
		if compiled.Schema, err = expr.CompileSchema(def.Parameters.Raw); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrInvalidSchema, err)
		}
	}
	return compiled, nil
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

func digestOf(canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:])
}
