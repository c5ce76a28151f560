package program

import (
	"errors"
	"fmt"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// ErrParams says that spec.params is no object, or beyond its bound.
var ErrParams = errors.New("invalid params")

// IdempotencyKey is the complete key of a saga: it never comes from the UID, so that a saga that is made anew is the
// same transaction.
func IdempotencyKey(installation string, saga *v1alpha1.Saga) string {
	key := saga.Spec.IdempotencyKey
	if key == "" {
		key = saga.Name
	}
	return installation + "/" + saga.Namespace + "/" + key
}

// Identity returns what the engine must know of a saga. Its error is ErrParams; the identity is usable all the same,
// with empty params.
func Identity(installation string, saga *v1alpha1.Saga) (engine.Saga, error) {
	id := engine.Saga{
		UID: string(saga.UID), Namespace: saga.Namespace, Name: saga.Name,
		IdempotencyKey: IdempotencyKey(installation, saga), BusinessKey: saga.Spec.BusinessKey,
		Params: []byte("{}"), OnKeyUsed: saga.Spec.OnKeyUsed,
	}
	if id.BusinessKey == "" {
		id.BusinessKey = id.IdempotencyKey
	}
	if saga.Spec.Params == nil || len(saga.Spec.Params.Raw) == 0 {
		return id, nil
	}
	params, err := Canonical(saga.Spec.Params.Raw)
	switch {
	case err != nil:
		return id, fmt.Errorf("%w: spec.params: %w", ErrParams, err)
	case params[0] != '{':
		return id, fmt.Errorf("%w: spec.params must be an object", ErrParams)
	case len(params) > v1alpha1.MaxParamsBytes:
		return id, fmt.Errorf("%w: spec.params has %d bytes, at most %d are taken", ErrParams, len(params), v1alpha1.MaxParamsBytes)
	}
	id.Params = params
	return id, nil
}
