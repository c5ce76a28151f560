package manifests

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Files returns the files that the paths mean, each once, in the paths' order.
func Files(paths ...string) ([]string, error) {
	var files []string
	for _, path := range paths {
		found := []string{path}
		info, err := os.Stat(path)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, errors.Unwrap(err))
		}
		if info.IsDir() {
			if found, err = yamlIn(path); err != nil {
				return nil, err
			}
		}
		for _, file := range found {
			if clean := filepath.Clean(file); !slices.Contains(files, clean) {
				files = append(files, clean)
			}
		}
	}
	return files, nil
}

func yamlIn(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", dir, err)
	}
	var files []string
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); !e.IsDir() && (ext == ".yaml" || ext == ".yml") && !strings.HasPrefix(e.Name(), ".") {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

// documentsOf splits a file.
func documentsOf(file string) ([]Document, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, errors.Unwrap(err))
	}
	reader := kyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	var documents []Document
	for n := 1; ; n++ {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", file, n, err)
		}
		raw, err := yaml.YAMLToJSONStrict(part)
		if err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", file, n, err)
		}
		if string(raw) != "null" {
			documents = append(documents, Document{File: file, Raw: raw, number: n})
		}
	}
}

// kindOf returns the kind of one of our objects; theirs is true for all others. Its error says that a kind, or a version, of our
// group does not exist.
func kindOf(raw []byte) (kind string, theirs bool, err error) {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if json.Unmarshal(raw, &head) != nil {
		return "", true, nil //nolint:nilerr // no object, so none of ours
	}
	group, _, _ := strings.Cut(head.APIVersion, "/")
	switch ours := v1alpha1.GroupVersion; {
	case group != ours.Group:
		return "", true, nil
	case head.APIVersion != ours.String():
		return "", false, fmt.Errorf("apiVersion: must be %s, is %q", ours, head.APIVersion)
	case head.Kind != KindTest && !known.Recognizes(ours.WithKind(head.Kind)):
		return "", false, fmt.Errorf("kind: there is no %q in %s", head.Kind, ours)
	}
	return head.Kind, false, nil
}

// known are the kinds of our group that clusters know.
var known = func() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(v1alpha1.AddToScheme(scheme)) // fails only where two kinds have one name
	return scheme
}()

// Decode reads raw, JSON, into value. A field that does not exist, or is there twice, is an error that names its path.
func Decode(raw []byte, value any) error {
	strict, err := kjson.UnmarshalStrict(raw, value)
	return errors.Join(append([]error{err}, strict...)...)
}
