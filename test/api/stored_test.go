package api

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// TestWhatWasStoredBeforeARuleStaysWritable holds what an upgrade depends on: a status can be written whatever the steps say, and so
// can all else that leaves the steps as they are.
func TestWhatWasStoredBeforeARuleStaysWritable(t *testing.T) {
	plane, err := controlplane.Start(t.Context(), controlplane.Options{CRDs: []string{crdsWithoutRules(t)}, UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	client, err := dynamic.NewForConfig(plane.Config())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, client: client, namespace: "default"}
	broken := map[string]*unstructured.Unstructured{
		"spec/steps":            s.create(breakRules(load(t, graph), "spec")),
		"spec/definition/steps": s.create(breakRules(load(t, sagaGraph), "spec/definition")),
	}
	s.installRules(plane)
	for steps, stored := range broken {
		t.Run(stored.GetKind(), func(t *testing.T) {
			set("status/observedGeneration", 1)(stored)
			if err := s.tryStatus(stored); err != nil {
				t.Errorf("its status cannot be written: %v", err)
			}
			set("metadata/labels", fields("a", "b"))(stored)
			if err := s.tryUpdate(stored); err != nil {
				t.Errorf("its labels cannot be written: %v", err)
			}
			set(steps+"/0/name", "renamed")(stored)
			if err := s.tryUpdate(stored); err == nil {
				t.Error("its steps can be changed, and break rules")
			}
		})
	}
}

// breakRules has steps break rules of lists, of steps and of fields.
func breakRules(object *unstructured.Unstructured, definition string) *unstructured.Unstructured {
	set(definition+"/steps/0/name", "paid")(object)
	set(definition+"/steps/0/publish", fields("event", "seen"))(object)
	set(definition+"/steps/2/await/timeout", "0s")(object)
	set(definition+"/steps/3/delay/until", "2026-11-22T10:00:00Z")(object)
	return object
}

// installRules updates the resource definitions to those of the repository, and waits until a broken definition is refused.
func (s *server) installRules(plane *controlplane.ControlPlane) {
	s.t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := plane.InstallCRDs(s.t.Context(), filepath.Join(root, "config", "crd", "bases")); err != nil {
		s.t.Fatal(err)
	}
	err = wait.PollUntilContextTimeout(s.t.Context(), 50*time.Millisecond, time.Minute, true, func(context.Context) (bool, error) {
		definition, inline := breakRules(load(s.t, graph), "spec"), breakRules(load(s.t, sagaGraph), "spec/definition")
		return s.tryCreate(definition) != nil && s.tryCreate(inline) != nil, nil
	})
	if err != nil {
		s.t.Fatalf("the rules do not come into force: %v", err)
	}
}

// crdsWithoutRules is a directory of the resource definitions without x-kubernetes-validations.
func crdsWithoutRules(t *testing.T) string {
	t.Helper()
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(root, "config", "crd", "bases", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var crd map[string]any
		if err := yaml.Unmarshal(text, &crd); err != nil {
			t.Fatalf("reading %s: %v", file, err)
		}
		dropRules(crd)
		if text, err = yaml.Marshal(crd); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func dropRules(value any) {
	switch node := value.(type) {
	case map[string]any:
		delete(node, "x-kubernetes-validations")
		for _, member := range node {
			dropRules(member)
		}
	case []any:
		for _, item := range node {
			dropRules(item)
		}
	}
}
