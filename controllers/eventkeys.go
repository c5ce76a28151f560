package controllers

import (
	"fmt"

	"k8s.io/utils/lru"

	"github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/events"
	"github.com/sagas-dev/saga-operator/internal/expr"
)

// keptKeys bounds how many compiled event keys are remembered.
const keptKeys = 1024

// EventKeys compiles what participants say that their events are correlated by, each expression once. It is safe for
// concurrent use.
type EventKeys struct {
	compiler *expr.Compiler
	compiled *lru.Cache // by source
}

// NewEventKeys returns an empty cache.
func NewEventKeys(compiler *expr.Compiler) *EventKeys {
	return &EventKeys{compiler: compiler, compiled: lru.New(keptKeys)}
}

// of returns the key of the participant's events; nil: their correlation id.
func (k *EventKeys) of(participant *v1alpha1.SagaParticipant) (events.Key, error) {
	source := participant.Spec.EventKey
	if source == "" {
		return nil, nil
	}
	if hit, ok := k.compiled.Get(source); ok {
		return hit.(expr.Key), nil
	}
	key, err := k.compiler.Key(source)
	if err != nil {
		return nil, fmt.Errorf("spec.eventKey: %w", err)
	}
	k.compiled.Add(source, key)
	return key, nil
}

// refused says why the participant's events cannot be correlated, for people. Empty: they can.
func (k *EventKeys) refused(participant *v1alpha1.SagaParticipant) string {
	if _, err := k.of(participant); err != nil {
		return err.Error()
	}
	return ""
}
