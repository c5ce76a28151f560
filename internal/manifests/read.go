package manifests

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	kyaml "k8s.io/apimachinery/pkg/util/yaml"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// documentsOf splits a file; items of a List stand for themselves.
func documentsOf(source Source) ([]Document, error) {
	reader := kyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(source.Text)))
	var documents []Document
	for n := 1; ; n++ {
		part, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return documents, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", source.Name, n, err)
		}
		raw, err := ToJSON(part)
		if err != nil {
			return nil, fmt.Errorf("%s, document %d: %w", source.Name, n, err)
		}
		if string(raw) == "null" {
			continue
		}
		for _, object := range objectsIn(raw) {
			documents = append(documents, Document{File: source.Name, Raw: object, number: n})
		}
	}
}

// ToJSON reads one document of YAML or JSON. Its error names lines of the document.
func ToJSON(document []byte) ([]byte, error) {
	raw, err := yaml.YAMLToJSONStrict(document)
	if err != nil && strings.Contains(err.Error(), `key "apiVersion" already set`) {
		return nil, fmt.Errorf("%w: a line --- is missing between two objects", err) // as where files are joined by cat
	}
	return raw, err
}

// objectsIn is the object itself, or the items of a List.
func objectsIn(raw []byte) []json.RawMessage {
	var list struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Items      []json.RawMessage `json:"items"`
	}
	if json.Unmarshal(raw, &list) == nil && IsList(schema.FromAPIVersionAndKind(list.APIVersion, list.Kind)) {
		return list.Items
	}
	return []json.RawMessage{raw}
}

// IsList says whether a kind only holds others: the List of kubectl get, or what the API server itself calls several of ours, such as
// SagaList. kubectl apply takes both.
func IsList(kind schema.GroupVersionKind) bool {
	return kind == schema.GroupVersionKind{Version: "v1", Kind: "List"} ||
		kind.GroupVersion() == v1alpha1.GroupVersion && strings.HasSuffix(kind.Kind, "List") && known.Recognizes(kind)
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
