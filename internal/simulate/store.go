package simulate

import (
	"encoding/json"
	"errors"
	"fmt"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

// ErrConflict says that the state was written since it was read.
var ErrConflict = errors.New("conflict")

// Store keeps every version of one saga's state as the API server would: as JSON, by compare-and-swap.
type Store struct {
	versions [][]byte
}

// NewStore returns a store that holds the empty state as version 0.
func NewStore() *Store { return &Store{versions: [][]byte{[]byte("{}")}} }

// Version is the number of the live version.
func (s *Store) Version() int { return len(s.versions) - 1 }

// Read returns one version: the live one, or an older one as a stale cache would hold it.
func (s *Store) Read(version int) (engine.State, error) {
	if version < 0 || version >= len(s.versions) {
		return engine.State{}, fmt.Errorf("reading version %d of %d", version, len(s.versions))
	}
	var state v1alpha1.SagaState
	if err := json.Unmarshal(s.versions[version], &state); err != nil {
		return engine.State{}, fmt.Errorf("reading version %d: %w", version, err)
	}
	return state, nil
}

// Write stores what was decided from version read, unless something was written since. Equal content is no write.
// It returns the state as it is stored now.
func (s *Store) Write(read int, state engine.State) (engine.State, error) {
	if read != s.Version() {
		return engine.State{}, fmt.Errorf("writing over version %d with what version %d led to: %w", s.Version(), read, ErrConflict)
	}
	raw, err := canonical(state)
	if err != nil {
		return engine.State{}, err
	}
	if string(raw) != string(s.versions[read]) {
		s.versions = append(s.versions, raw)
	}
	return s.Read(s.Version())
}

// canonical passes the state through untyped JSON, as an API server does with a custom resource.
func canonical(state engine.State) ([]byte, error) {
	raw, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("encoding state: %w", err)
	}
	var untyped map[string]any
	if err := json.Unmarshal(raw, &untyped); err != nil {
		return nil, fmt.Errorf("decoding state: %w", err)
	}
	return json.Marshal(untyped)
}
