package releases

import (
	"encoding/json"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/test/controlplane"
)

var errExists = fs.ErrExist

func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}) }

func TestNothingIsLostByReadingAndWriting(t *testing.T) {
	each(t, func(t *testing.T, f *Fixture) {
		for _, stored := range f.Stored {
			typed := f.typed(stored)
			raw, err := json.Marshal(typed)
			if err != nil {
				t.Fatal(err)
			}
			var again unstructured.Unstructured
			if err := again.UnmarshalJSON(raw); err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{"status", "data"} { // what the operator writes
				if diff := cmp.Diff(stored.Object[part], again.Object[part], cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s of %s %s (-stored, +written):\n%s", part, stored.GetKind(), stored.GetName(), diff)
				}
			}
		}
	})
}

// typed is what the stored object was decoded to.
func (f *Fixture) typed(stored *unstructured.Unstructured) client.Object {
	switch stored.GetKind() {
	case "Saga":
		return f.Saga
	case "OrderWorkflow":
		return f.Order
	case "ControllerRevision":
		return f.Revision
	}
	for _, p := range f.Participants {
		if p.Name == stored.GetName() {
			return p
		}
	}
	return nil
}

func TestThePresentSummaryAgreesWithTheStoredOne(t *testing.T) {
	each(t, func(t *testing.T, f *Fixture) {
		if !f.started() {
			t.Skip("it had not started")
		}
		run, _ := f.run(t)
		status := f.Saga.Status
		now := engine.Summarize(run.Program, status.SagaState, engine.Facts{
			Generation: f.Saga.Generation, Now: status.DecisionTime.Time, Previous: status.Conditions, Suspend: f.Saga.Spec.Suspend,
			Acceptance: engine.Acceptance{Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonAccepted},
		})
		if now.Phase != status.Phase || now.Progress != status.Progress {
			t.Errorf("phase %s, progress %s; was %s, %s", now.Phase, now.Progress, status.Phase, status.Progress)
		}
		words := cmpopts.IgnoreFields(metav1.Condition{}, "Message", "ObservedGeneration", "LastTransitionTime")
		if diff := cmp.Diff(status.Conditions, now.Conditions, words); diff != "" {
			t.Errorf("conditions (-stored, +now):\n%s", diff)
		}
	})
}

// TestTheAPIServerStillTakesIt writes what a release stored through the resource definitions of today.
func TestTheAPIServerStillTakesIt(t *testing.T) {
	plane := controlplane.ForTest(t)
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{v1alpha1.AddToScheme, appsv1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	api, err := client.New(plane.Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	each(t, func(t *testing.T, f *Fixture) {
		namespace := plane.Namespace(t)
		for _, stored := range f.Stored {
			writeAndCompare(t, api, namespace, stored)
		}
	})
}

func writeAndCompare(t *testing.T, api client.Client, namespace string, stored *unstructured.Unstructured) {
	t.Helper()
	fresh := stored.DeepCopy()
	for _, field := range []string{"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "ownerReferences"} {
		unstructured.RemoveNestedField(fresh.Object, "metadata", field)
	}
	fresh.SetNamespace(namespace)
	if err := api.Create(t.Context(), fresh); err != nil {
		t.Fatalf("creating %s: %v", stored.GetKind(), err)
	}
	if status, found := stored.Object["status"]; found {
		fresh.Object["status"] = runtime.DeepCopyJSONValue(status)
		if err := api.Status().Update(t.Context(), fresh); err != nil {
			t.Fatalf("storing the status of %s: %v", stored.GetKind(), err)
		}
	}
	seen := &unstructured.Unstructured{}
	seen.SetGroupVersionKind(stored.GroupVersionKind())
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(fresh), seen); err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"spec", "status", "data"} {
		if diff := cmp.Diff(stored.Object[part], seen.Object[part]); diff != "" {
			t.Errorf("%s of %s is another (-stored, +now):\n%s", part, stored.GetKind(), diff)
		}
	}
}
