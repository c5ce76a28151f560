// Package releases holds what every release has stored, and the test that the present code continues it.
//
// testdata/<version> has two files for each story: NAME.yaml, the objects as that version left them in the API server, and
// NAME.json, what it had sent for them and how they have to end; and crds, its resource definitions. They come from a real run (see capture) and never change:
// a release adds a directory.
//
// Source: docs/releases.md, "What stays true between versions".
package releases

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Installation is the operator's name in what the fixtures hold: their idempotency keys begin with it.
const Installation = "default"

// Message is one that a release sent, as the broker had it.
type Message struct {
	Topic   string            `json:"topic"`
	Key     string            `json:"key"`
	Headers map[string]string `json:"headers"` // without those that Varying names
	Value   string            `json:"value"`
}

// Varying are the headers that may differ when the same message is sent again.
var Varying = []string{"ce_replytoken", "ce_replypartition", "traceparent", "tracestate"}

// Record is what belongs to a saga beside the stored objects.
type Record struct {
	Story string             `json:"story"`
	Ends  v1alpha1.SagaPhase `json:"ends"`
	Sent  []Message          `json:"sent"` // in the order of the topics, then of their offsets
}

// Fixture is one story.
type Fixture struct {
	Name string
	Record
	Saga         *v1alpha1.Saga
	Revision     *appsv1.ControllerRevision  // nil where the saga holds its definition
	Order        *v1alpha1.OrderWorkflow     // nil where nobody ordered it
	Participants []*v1alpha1.SagaParticipant // those that the saga's definition names, as far as they exist
	Stored       []*unstructured.Unstructured
}

// Versions lists the releases that have left fixtures.
func Versions(testdata string) ([]string, error) {
	entries, err := os.ReadDir(testdata)
	if err != nil {
		return nil, fmt.Errorf("looking for fixtures: %w", err)
	}
	var versions []string
	for _, e := range entries {
		versions = append(versions, e.Name())
	}
	return versions, nil
}

// Load reads the fixtures of one release.
func Load(dir string) ([]*Fixture, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no fixtures in %s: %w", dir, errors.Join(err, os.ErrNotExist))
	}
	var all []*Fixture
	for _, file := range files {
		f, err := load(file)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		all = append(all, f)
	}
	return all, nil
}

func load(file string) (*Fixture, error) {
	base := strings.TrimSuffix(file, ".yaml")
	f := &Fixture{Name: filepath.Base(base)}
	raw, err := os.ReadFile(base + ".json")
	if err != nil {
		return nil, err
	}
	if err := strictly(raw, &f.Record); err != nil {
		return nil, err
	}
	objects, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	documents := utilyaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(objects)))
	defer func() { _ = documents.Close() }() // it reads from memory
	for {
		document := make([]byte, len(objects)+1)
		n, err := documents.Read(document)
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return nil, err
		}
		if err := f.add(document[:n]); err != nil {
			return nil, err
		}
	}
}

// add decodes one document, and takes no field that the present types do not know.
func (f *Fixture) add(document []byte) error {
	raw, err := yaml.YAMLToJSON(document)
	if err != nil {
		return err
	}
	stored := &unstructured.Unstructured{}
	if err := stored.UnmarshalJSON(raw); err != nil {
		return err
	}
	f.Stored = append(f.Stored, stored)
	switch kind := stored.GetKind(); kind {
	case "Saga":
		f.Saga = &v1alpha1.Saga{}
		return strictly(raw, f.Saga)
	case "OrderWorkflow":
		f.Order = &v1alpha1.OrderWorkflow{}
		return strictly(raw, f.Order)
	case "ControllerRevision":
		f.Revision = &appsv1.ControllerRevision{}
		return strictly(raw, f.Revision)
	case "SagaParticipant":
		participant := &v1alpha1.SagaParticipant{}
		f.Participants = append(f.Participants, participant)
		return strictly(raw, participant)
	default:
		return fmt.Errorf("unexpected kind %q", kind)
	}
}

func strictly(raw []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

// Write writes the fixture's files. It refuses to change one that exists.
func (f *Fixture) Write(dir string) error {
	var objects bytes.Buffer
	for i, o := range f.Stored {
		raw, err := yaml.Marshal(o.Object)
		if err != nil {
			return fmt.Errorf("encoding %s: %w", o.GetName(), err)
		}
		if i > 0 {
			objects.WriteString("---\n")
		}
		objects.Write(raw)
	}
	record := &bytes.Buffer{}
	encoder := json.NewEncoder(record)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(f.Record); err != nil {
		return fmt.Errorf("encoding the record: %w", err)
	}
	return errors.Join(
		writeNew(filepath.Join(dir, f.Name+".yaml"), objects.Bytes()),
		writeNew(filepath.Join(dir, f.Name+".json"), record.Bytes()),
	)
}

func writeNew(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Close())
}

// Same says whether two messages are the same to whoever gets them.
func (m Message) Same(other Message) bool {
	return m.Topic == other.Topic && m.Key == other.Key && m.Value == other.Value && sameHeaders(m.Headers, other.Headers)
}

func sameHeaders(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for name, value := range a {
		if got, found := b[name]; !found || got != value {
			return false
		}
	}
	return true
}

// Stable says whether a header has to be the same each time.
func Stable(header string) bool { return !slices.Contains(Varying, header) }
