package applied

import (
	"context"
	"encoding/json"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// tool is a Git tool's view of one namespace: it applies under its own name.
type tool struct {
	t         *testing.T
	api       client.Client
	namespace string
	name      string
}

// The names under which Argo CD and Flux apply.
const (
	argoCD = "argocd-controller"
	flux   = "kustomize-controller"
)

func (c *tool) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// makeNamespace makes the tool's namespace.
func (c *tool) makeNamespace() {
	c.t.Helper()
	c.must(c.api.Create(c.t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: c.namespace}}))
}

// desired is a copy of the manifest for the tool's namespace.
func (c *tool) desired(manifest *unstructured.Unstructured) *unstructured.Unstructured {
	object := manifest.DeepCopy()
	if object.GetKind() != "Namespace" {
		object.SetNamespace(c.namespace)
	}
	return object
}

// apply is a server-side apply, and returns the object as it is then. A dry run stores nothing.
func (c *tool) apply(manifest *unstructured.Unstructured, options ...client.ApplyOption) *unstructured.Unstructured {
	c.t.Helper()
	object := c.desired(manifest)
	options = append(options, client.FieldOwner(c.name), client.ForceOwnership)
	if err := c.api.Apply(c.t.Context(), client.ApplyConfigurationFromUnstructured(object), options...); err != nil {
		c.t.Fatalf("applying %s %s: %v", object.GetKind(), object.GetName(), err)
	}
	return object
}

// applyByClient makes the object as kubectl apply and Argo CD without server-side apply do: with what was applied in an annotation.
func (c *tool) applyByClient(manifest *unstructured.Unstructured) {
	c.t.Helper()
	object := c.desired(manifest)
	text, err := json.Marshal(object.Object)
	c.must(err)
	annotations := object.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[corev1.LastAppliedConfigAnnotation] = string(text) + "\n"
	object.SetAnnotations(annotations)
	c.must(c.api.Create(c.t.Context(), object))
}

// live reads the object as it is now.
func (c *tool) live(ctx context.Context, manifest *unstructured.Unstructured) *unstructured.Unstructured {
	c.t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(manifest.GroupVersionKind())
	c.must(c.api.Get(ctx, client.ObjectKey{Namespace: c.namespace, Name: manifest.GetName()}, object))
	return object
}

// staysAsItIs applies once more, dry and then in earnest: neither may find anything to change.
func (c *tool) staysAsItIs(live, manifest *unstructured.Unstructured) {
	c.t.Helper()
	for what, after := range map[string]*unstructured.Unstructured{
		"a dry run":    c.apply(manifest, client.DryRunAll),
		"second apply": c.apply(manifest),
	} {
		if after.GetResourceVersion() != live.GetResourceVersion() || after.GetGeneration() != live.GetGeneration() {
			c.t.Errorf("%s changes %s %s: generation %d to %d, resourceVersion %s to %s", what, live.GetKind(), live.GetName(),
				live.GetGeneration(), after.GetGeneration(), live.GetResourceVersion(), after.GetResourceVersion())
		}
	}
	if after := c.live(c.t.Context(), live); !equality.Semantic.DeepEqual(live.Object["spec"], after.Object["spec"]) {
		c.t.Errorf("the spec of %s %s was\n%v\nand is\n%v", live.GetKind(), live.GetName(), live.Object["spec"], after.Object["spec"])
	}
}
