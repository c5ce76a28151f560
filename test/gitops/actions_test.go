package gitops

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

const sagas = customizations + "/Saga/testdata/"

func engine(t *testing.T) lua.VM { return lua.VM{ResourceOverrides: configMapOverrides(t)} }

func TestActionsThatFitTheMoment(t *testing.T) {
	for name, want := range map[string]string{
		"new":                    "abort suspend",
		"waits-for-definition":   "abort suspend",
		"running":                "abort suspend",
		"suspended":              "abort resume",
		"suspended-before-start": "abort resume",
		"compensating":           "abort",
		"compensating-aborted":   "",
		"key-used":               "abort",
		"completed":              "",
		"compensated":            "",
		"rejected-parameters":    "",
	} {
		t.Run(name, func(t *testing.T) {
			vm, object := engine(t), load(t, sagas+name+".yaml")
			scripts, err := vm.GetResourceActionDiscovery(object)
			if err != nil {
				t.Fatal(err)
			}
			actions, err := vm.ExecuteResourceActionDiscovery(object, scripts)
			if err != nil {
				t.Fatal(err)
			}
			var enabled []string
			for _, action := range actions {
				if !action.Disabled {
					enabled = append(enabled, action.Name)
				}
			}
			slices.Sort(enabled)
			if got := strings.Join(enabled, " "); got != want || len(actions) != 3 {
				t.Errorf("enabled: %q of %d; want %q of 3", got, len(actions), want)
			}
		})
	}
}

func TestAnActionChangesItsOneFieldOfTheSpec(t *testing.T) {
	for action, field := range map[string]struct {
		name  string
		value bool
	}{"abort": {"abort", true}, "suspend": {"suspend", true}, "resume": {"suspend", false}} {
		for name := range maps.Keys(wanted["Saga"]) {
			t.Run(action+"/"+name, func(t *testing.T) {
				vm, object := engine(t), load(t, sagas+name+".yaml")
				definition, err := vm.GetResourceAction(object, action)
				if err != nil {
					t.Fatal(err)
				}
				changed, err := vm.ExecuteResourceAction(object, definition.ActionLua, nil)
				if err != nil || len(changed) != 1 || changed[0].K8SOperation != lua.PatchOperation {
					t.Fatalf("%v, error %v", changed, err)
				}
				want := object.DeepCopy()
				if err := unstructured.SetNestedField(want.Object, field.value, "spec", field.name); err != nil {
					t.Fatal(err)
				}
				if got, want := asJSON(t, changed[0].UnstructuredObj), asJSON(t, want); got != want {
					t.Errorf("it becomes\n%s\nnot\n%s", got, want)
				}
			})
		}
	}
}

func asJSON(t *testing.T, object *unstructured.Unstructured) string {
	t.Helper()
	text, err := json.Marshal(object.Object)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
