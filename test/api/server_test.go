package api

import (
	"errors"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

var resources = map[string]string{
	"Saga": "sagas", "SagaDefinition": "sagadefinitions", "SagaParticipant": "sagaparticipants", "OrderWorkflow": "orderworkflows",
	"SagaTrigger": "sagatriggers",
}

// server is a namespace on a real API server. Whatever is tried on it is validated as strictly as kubectl asks for,
// and is not stored unless said otherwise.
type server struct {
	t         testing.TB
	client    dynamic.Interface
	namespace string
}

func newServer(t testing.TB) *server {
	t.Helper()
	plane := controlplane.ForTest(t)
	client, err := dynamic.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	return &server{t: t, client: client, namespace: plane.Namespace(t)}
}

func (s *server) of(object *unstructured.Unstructured) dynamic.ResourceInterface {
	resource := schema.GroupVersionResource{Group: "sagas.dev", Version: "v1alpha1", Resource: resources[object.GetKind()]}
	return s.client.Resource(resource).Namespace(s.namespace)
}

// tryCreate asks whether the object could be made.
func (s *server) tryCreate(object *unstructured.Unstructured) error {
	_, err := s.of(object).Create(s.t.Context(), object, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict,
	})
	return err
}

// create makes the object under a name of its own and returns it as it is stored.
func (s *server) create(object *unstructured.Unstructured) *unstructured.Unstructured {
	s.t.Helper()
	object = object.DeepCopy()
	object.SetName("")
	object.SetGenerateName("example-")
	unstructured.RemoveNestedField(object.Object, "status")
	stored, err := s.of(object).Create(s.t.Context(), object, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		s.t.Fatalf("creating a %s: %v", object.GetKind(), err)
	}
	return stored
}

// tryUpdate asks whether a stored object could be changed to this.
func (s *server) tryUpdate(object *unstructured.Unstructured) error {
	_, err := s.of(object).Update(s.t.Context(), object, dryUpdate)
	return err
}

// tryStatus asks whether a stored object's status could be changed to this.
func (s *server) tryStatus(object *unstructured.Unstructured) error {
	_, err := s.of(object).UpdateStatus(s.t.Context(), object, dryUpdate)
	return err
}

// storeStatus stores an object's status.
func (s *server) storeStatus(object *unstructured.Unstructured) {
	s.t.Helper()
	if _, err := s.of(object).UpdateStatus(s.t.Context(), object, metav1.UpdateOptions{}); err != nil {
		s.t.Fatalf("storing the status of %s: %v", object.GetName(), err)
	}
}

// get reads an object as it is stored.
func (s *server) get(object *unstructured.Unstructured) *unstructured.Unstructured {
	s.t.Helper()
	stored, err := s.of(object).Get(s.t.Context(), object.GetName(), metav1.GetOptions{})
	if err != nil {
		s.t.Fatalf("reading %s: %v", object.GetName(), err)
	}
	return stored
}

var dryUpdate = metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}

// unchecked accompanies what is so wrong that rules over it were not tried: it says nothing about the object.
const unchecked = "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation"

// causes returns why a request was refused, sorted, each as kubectl shows it: "field: message". A refusal that
// names no field is given whole; nil where nothing was refused.
func causes(err error) []string {
	if err == nil {
		return nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return []string{err.Error()}
	}
	var all []string
	for _, cause := range status.Status().Details.Causes {
		if text := cause.Field + ": " + cause.Message; text != unchecked {
			all = append(all, text)
		}
	}
	slices.Sort(all)
	return all
}
