package manifests

import (
	"cmp"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// Set is what files say. Objects of other kinds and other groups are passed over.
type Set struct {
	Definitions  []Object[v1alpha1.SagaDefinition]
	Participants []Object[v1alpha1.SagaParticipant]
	Sagas        []Object[v1alpha1.Saga]
	Orders       []Object[v1alpha1.OrderWorkflow]
	Tests        []Document // kind SagaTest, which is not the cluster's

	by judge
}

// Object is an object and the file that it stands in.
type Object[T any] struct {
	File  string
	Value *T
}

// Document is a document that is not decoded yet, as JSON.
type Document struct {
	File   string
	Raw    []byte
	number int // within its file, from 1
}

// KindTest is the kind of cases. No cluster knows it.
const KindTest = "SagaTest"

// Read reads the objects of sources. Its error names the file, the document and the field.
func Read(sources []Source) (*Set, error) { return take(admitted, sources) }

// Draft reads like Read what need not be ready for a cluster: fields that do not exist are refused and defaults are set, but what the
// rules of a resource refuse is taken, so that it can be shown what would come of it.
func Draft(sources []Source) (*Set, error) { return take(drafted, sources) }

// judge is an object as it is to be taken, or why it is not.
type judge func(raw []byte, kind any) ([]byte, error)

func take(by judge, sources []Source) (*Set, error) {
	set := &Set{by: by}
	for _, source := range sources {
		documents, err := documentsOf(source)
		if err != nil {
			return nil, err
		}
		for _, d := range documents {
			if err := set.add(d); err != nil {
				return nil, fmt.Errorf("%s, document %d: %w", source.Name, d.number, err)
			}
		}
	}
	return set, nil
}

func (s *Set) add(d Document) error {
	kind, theirs, err := kindOf(d.Raw)
	switch {
	case err != nil, theirs:
	case kind == "SagaDefinition":
		s.Definitions, err = appended(s.by, s.Definitions, d)
	case kind == "SagaParticipant":
		s.Participants, err = appended(s.by, s.Participants, d)
	case kind == "Saga":
		if s.Sagas, err = appended(s.by, s.Sagas, d); err == nil {
			err = onlyOne(kind, s.Sagas)
		}
	case kind == "OrderWorkflow":
		if s.Orders, err = appended(s.by, s.Orders, d); err == nil {
			err = onlyOne(kind, s.Orders)
		}
	case kind == KindTest:
		s.Tests = append(s.Tests, d)
	}
	return err
}

// onlyOne refuses the last object of a list where an earlier one has its name: nobody could tell which of them is meant.
func onlyOne[T any, P interface {
	*T
	metav1.Object
}](kind string, list []Object[T]) error {
	last := list[len(list)-1]
	name, namespace := P(last.Value).GetName(), cmp.Or(P(last.Value).GetNamespace(), metav1.NamespaceDefault)
	for _, o := range list[:len(list)-1] {
		if P(o.Value).GetName() == name && cmp.Or(P(o.Value).GetNamespace(), metav1.NamespaceDefault) == namespace {
			return fmt.Errorf("%s %q stands in %s already", kind, name, o.File)
		}
	}
	return nil
}

func appended[T any](by judge, list []Object[T], d Document) ([]Object[T], error) {
	stored, err := by(d.Raw, new(T))
	if err != nil {
		return nil, err
	}
	value := new(T)
	if err := json.Unmarshal(stored, value); err != nil {
		return nil, err
	}
	return append(list, Object[T]{File: d.File, Value: value}), nil
}

// Definition returns the definition of that name. An error says that there is none, or more than one.
func (s *Set) Definition(name string) (*v1alpha1.SagaDefinition, error) {
	var found *Object[v1alpha1.SagaDefinition]
	for i := range s.Definitions {
		d := &s.Definitions[i]
		if d.Value.Name != name {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("SagaDefinition %q stands in %s and in %s", name, found.File, d.File)
		}
		found = d
	}
	if found == nil {
		return nil, fmt.Errorf("SagaDefinition %q stands in none of the files", name)
	}
	return found.Value, nil
}

// Participant returns the participant of that name, or nil.
func (s *Set) Participant(name string) *v1alpha1.SagaParticipant {
	for _, p := range s.Participants {
		if p.Value.Name == name {
			return p.Value
		}
	}
	return nil
}
