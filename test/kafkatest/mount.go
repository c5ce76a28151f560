package kafkatest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// Mount is a directory that changes as the volume of a Secret does: the files are links into ..data, which is a link to
// the directory of the present version, and is turned.
type Mount struct {
	Dir string

	mu      sync.Mutex
	version int
	files   map[string]string
}

// NewMount makes a mount with these files, by name.
func NewMount(t testing.TB, files map[string]string) *Mount {
	t.Helper()
	m := &Mount{Dir: t.TempDir(), files: map[string]string{}}
	m.Set(t, files)
	return m
}

// File is the path of a file, whether there is one or not.
func (m *Mount) File(name string) string { return filepath.Join(m.Dir, name) }

// Set changes these files, all at once, and leaves the others as they are. The kubelet takes a minute for it.
func (m *Mount) Set(t testing.TB, files map[string]string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, content := range files {
		m.files[name] = content
	}
	m.turn(t)
}

// Remove takes a file away.
func (m *Mount) Remove(t testing.TB, name string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.files, name)
	if err := os.Remove(m.File(name)); err != nil {
		t.Fatal(err)
	}
	m.turn(t)
}

func (m *Mount) turn(t testing.TB) {
	t.Helper()
	m.version++
	version := fmt.Sprintf("..version_%d", m.version)
	data := filepath.Join(m.Dir, "..data")
	errs := []error{os.Mkdir(filepath.Join(m.Dir, version), 0o755)}
	for name, content := range m.files {
		errs = append(errs, os.WriteFile(filepath.Join(m.Dir, version, name), []byte(content), 0o600))
	}
	errs = append(errs, os.Symlink(version, data+"_tmp"), os.Rename(data+"_tmp", data),
		os.RemoveAll(filepath.Join(m.Dir, fmt.Sprintf("..version_%d", m.version-1))))
	for name := range m.files {
		if err := os.Symlink(filepath.Join("..data", name), m.File(name)); !errors.Is(err, os.ErrExist) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
