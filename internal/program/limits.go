package program

import (
	"errors"
	"fmt"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// ErrConcurrencyKey says that the concurrency key of a saga cannot be written with its params, or is beyond its bounds.
var ErrConcurrencyKey = errors.New("invalid concurrency key")

// maxConcurrencyKey bounds a rendered concurrency key, in bytes.
const maxConcurrencyKey = 253

// Limits say which sagas of one definition may run at the same time.
type Limits struct {
	Policy    v1alpha1.ConcurrencyPolicy // empty: sagas are not kept apart
	MaxActive int                        // 0: without limit
	key       engine.Text                // nil: sagas are not kept apart
}

func compileLimits(def v1alpha1.SagaDefinitionSpec, x engine.Expressions) (Limits, error) {
	var l Limits
	if def.MaxActive != nil {
		l.MaxActive = int(*def.MaxActive)
	}
	if def.Concurrency == nil {
		return l, nil
	}
	scope := engine.Scope{First: true}
	for _, s := range def.Steps {
		scope.All = append(scope.All, s.Name)
	}
	key, err := x.Text(def.Concurrency.Key, scope)
	if err != nil {
		return l, fmt.Errorf("%w: concurrency.key: %w", engine.ErrInvalidExpression, err)
	}
	l.key, l.Policy = key, def.Concurrency.Policy
	return l, nil
}

// Any says whether there is a limit at all.
func (l Limits) Any() bool { return l.key != nil || l.MaxActive > 0 }

// Key returns what the saga must not share with another that runs, at most 253 bytes; empty where sagas are not kept apart.
//
// Errors: ErrConcurrencyKey. The same saga always gets the same.
func (l Limits) Key(saga engine.Saga) (string, error) {
	if l.key == nil {
		return "", nil
	}
	key, err := l.key.Write(engine.Values{Params: saga.Params, Saga: map[string]string{
		"name": saga.Name, "namespace": saga.Namespace, "uid": saga.UID,
		"idempotencyKey": saga.IdempotencyKey, "businessKey": saga.BusinessKey,
	}})
	switch {
	case err != nil:
		return "", fmt.Errorf("%w: concurrency.key of the definition: %w", ErrConcurrencyKey, err)
	case key == "":
		return "", fmt.Errorf("%w: concurrency.key of the definition is empty once rendered", ErrConcurrencyKey)
	case len(key) > maxConcurrencyKey:
		return "", fmt.Errorf("%w: concurrency.key of the definition has %d bytes once rendered, at most %d are taken", ErrConcurrencyKey, len(key), maxConcurrencyKey)
	}
	return key, nil
}
