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

// Store keeps every version of one saga's state, and takes writes by compare-and-swap, as the API server does.
type Store struct {
	versions []version
	quick    bool
}

type version struct {
	raw   []byte
	state engine.State // of a quick store
}

// NewStore returns a store that holds the empty state as version 0. What it keeps is JSON, as in life.
func NewStore() *Store { return &Store{versions: []version{{raw: []byte("{}")}}} }

// NewQuickStore returns a store that keeps states as they are: for those who play many lives, and leave it to others to show
// that JSON changes nothing. What it returns must not be changed.
func NewQuickStore() *Store {
	s := NewStore()
	s.quick = true
	return s
}

// Version is the number of the live version.
func (s *Store) Version() int { return len(s.versions) - 1 }

// Fingerprint tells the live version from others: equal bytes, equal states.
func (s *Store) Fingerprint() []byte { return s.versions[s.Version()].raw }

// fork returns a store that goes on from the live version on its own.
func (s *Store) fork() *Store {
	return &Store{versions: s.versions[:len(s.versions):len(s.versions)], quick: s.quick}
}

// Read returns one version: the live one, or an older one as a stale cache would hold it.
func (s *Store) Read(version int) (engine.State, error) {
	if version < 0 || version >= len(s.versions) {
		return engine.State{}, fmt.Errorf("reading version %d of %d", version, len(s.versions))
	}
	if s.quick {
		return s.versions[version].state, nil
	}
	var state v1alpha1.SagaState
	if err := json.Unmarshal(s.versions[version].raw, &state); err != nil {
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
	encode := canonical
	if s.quick {
		encode = encoded
	}
	raw, err := encode(state)
	if err != nil {
		return engine.State{}, err
	}
	if string(raw) != string(s.versions[read].raw) {
		s.versions = append(s.versions, version{raw, state})
	}
	return s.Read(s.Version())
}

func encoded(state engine.State) ([]byte, error) {
	raw, err := json.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("encoding state: %w", err)
	}
	return raw, nil
}

// canonical passes the state through untyped JSON, as an API server does with a custom resource.
func canonical(state engine.State) ([]byte, error) {
	raw, err := encoded(state)
	if err != nil {
		return nil, err
	}
	var untyped map[string]any
	if err := json.Unmarshal(raw, &untyped); err != nil {
		return nil, fmt.Errorf("decoding state: %w", err)
	}
	return json.Marshal(untyped)
}
