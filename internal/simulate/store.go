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
	quick    *quick // nil: the state passes through JSON, as it does in life
}

// quick remembers the live version as it was written, and no older one.
type quick struct {
	number int
	state  engine.State
	raw    []byte
}

// NewStore returns a store that holds the empty state as version 0.
func NewStore() *Store { return &Store{versions: [][]byte{[]byte("{}")}} }

// NewQuickStore returns a store that keeps the live version only, and does not pass it through JSON: for those who play
// many lives, and leave it to others to show that JSON changes nothing. What it returns must not be changed.
func NewQuickStore() *Store { return &Store{quick: &quick{raw: []byte("{}")}} }

// Version is the number of the live version.
func (s *Store) Version() int {
	if s.quick != nil {
		return s.quick.number
	}
	return len(s.versions) - 1
}

// Fingerprint tells the live version from others: equal bytes, equal states.
func (s *Store) Fingerprint() []byte {
	if s.quick != nil {
		return s.quick.raw
	}
	return s.versions[len(s.versions)-1]
}

// fork returns a store that goes on from the live version on its own.
func (s *Store) fork() *Store {
	if s.quick != nil {
		live := *s.quick
		return &Store{quick: &live}
	}
	return &Store{versions: s.versions[:len(s.versions):len(s.versions)]}
}

// Read returns one version: the live one, or an older one as a stale cache would hold it.
func (s *Store) Read(version int) (engine.State, error) {
	if s.quick != nil {
		if version != s.quick.number {
			return engine.State{}, fmt.Errorf("reading version %d: only version %d is kept", version, s.quick.number)
		}
		return s.quick.state, nil
	}
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
	if s.quick != nil {
		return s.quick.write(state)
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

func (q *quick) write(state engine.State) (engine.State, error) {
	raw, err := json.Marshal(state)
	if err != nil {
		return engine.State{}, fmt.Errorf("encoding state: %w", err)
	}
	if string(raw) != string(q.raw) {
		q.number, q.state, q.raw = q.number+1, state, raw
	}
	return q.state, nil
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
