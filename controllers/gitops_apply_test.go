package controllers

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/wire"
)

// gitTools are the field managers under which Git tools apply.
var gitTools = []string{"argocd-controller", "kustomize-controller", "helm-controller"}

// applies puts a manifest on the API server as a Git tool does: what it said before and does not say now is taken away.
func applies(t *testing.T, api client.Client, namespace, tool, manifest string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	object.SetNamespace(namespace)
	err := api.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(object), client.FieldOwner(tool), client.ForceOwnership)
	if err != nil {
		t.Fatal(err)
	}
	return object
}

const runX = `
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: x}
spec:
  params: {orderId: o-1}
  definition:
    steps:
    - name: reserve
      participant: a
      action: {command: reserve, input: {orderId: "${params.orderId}"}}
      compensation: {command: release}
    - name: charge
      participant: b
      action: {command: charge}
      compensation: {command: refund}
`

// has says whether the saga's spec has the field.
func (s *sagas) has(name, field string) bool {
	s.t.Helper()
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Saga"))
	if err := s.api.Get(s.t.Context(), s.key(name), object); err != nil {
		s.t.Fatal(err)
	}
	value, found, err := unstructured.NestedFieldNoCopy(object.Object, "spec", field)
	if err != nil {
		s.t.Fatal(err)
	}
	return found && value != false
}

// syncs applies and lets the saga be looked at.
func (s *sagas) syncs(tool, manifest string) {
	s.t.Helper()
	applies(s.t, s.api, s.namespace, tool, manifest)
	s.mustReconcile("x")
	s.flush()
}

func TestAnAbortThatAGitToolTakesAwayAgainStays(t *testing.T) {
	for _, tool := range gitTools {
		t.Run(tool, func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b")
			s.syncs(tool, runX)
			s.says("x", "a", wire.Succeeded, nil)
			s.syncs(tool, runX+"  abort: true\n")
			if !s.has("x", "abort") {
				t.Fatal("the tool has not set it")
			}
			s.syncs(tool, runX)
			if s.has("x", "abort") {
				t.Fatal("the tool has not taken it away")
			}
			s.says("x", "b", wire.Succeeded, nil)
			s.says("x", "b", wire.Succeeded, nil) // the refund
			s.says("x", "a", wire.Succeeded, nil) // the release
			got := s.settle("x").Status
			if got.Phase != v1alpha1.PhaseCompensated || got.Cause.Reason != v1alpha1.ReasonAborted {
				t.Fatalf("phase %s, cause %+v", got.Phase, got.Cause)
			}
		})
	}
}

func TestADecisionThatAGitToolTakesAwayAgainStays(t *testing.T) {
	for _, tool := range gitTools {
		t.Run(tool, func(t *testing.T) {
			s := newSagas(t)
			s.participants("a", "b")
			s.syncs(tool, runX)
			s.says("x", "a", wire.Succeeded, nil)
			s.says("x", "b", wire.Failed, declined)
			s.says("x", "a", wire.Failed, broken)
			s.syncs(tool, runX+"  resolutions: [{step: reserve, decision: 1, action: MarkDone, by: ada, reason: by hand}]\n")
			s.syncs(tool, runX)
			if s.has("x", "resolutions") {
				t.Fatal("the tool has not taken it away")
			}
			got := s.settle("x").Status
			if got.Phase != v1alpha1.PhaseCompensated || got.Steps[0].Resolved == nil || got.Steps[0].Resolved.Action != v1alpha1.ResolutionMarkDone {
				t.Fatalf("phase %s, step %+v", got.Phase, got.Steps[0])
			}
		})
	}
}

func TestAnAdoptionThatAGitToolTakesAwayAgainStays(t *testing.T) {
	s := newSagas(t)
	s.participants("a", "b")
	s.syncs(gitTools[0], runX)
	s.says("x", "a", wire.Failed, keyUsed)
	s.syncs(gitTools[0], runX+"  adopt: true\n")
	s.syncs(gitTools[0], runX)
	if s.has("x", "adopt") {
		t.Fatal("the tool has not taken it away")
	}
	s.says("x", "a", wire.Succeeded, nil)
	s.says("x", "b", wire.Succeeded, nil)
	if got := s.settle("x").Status; got.Phase != v1alpha1.PhaseCompleted {
		t.Fatalf("phase %s, cause %+v", got.Phase, got.Cause)
	}
}

func TestAnAbortOfAnOrdersSagaStaysWhenItIsTakenAway(t *testing.T) {
	s := newShop(t)
	s.placed()
	s.hears("a", wire.Succeeded, nil)
	const abort = "apiVersion: sagas.dev/v1alpha1\nkind: Saga\nmetadata: {name: x}\nspec: {abort: true}\n"
	applies(t, s.sagas.api, s.sagas.namespace, gitTools[0], abort)
	s.look()
	applies(t, s.sagas.api, s.sagas.namespace, gitTools[0], "apiVersion: sagas.dev/v1alpha1\nkind: Saga\nmetadata: {name: x}\n")
	s.look()
	if s.has("x", "abort") {
		t.Fatal("the tool has not taken it away")
	}
	s.hears("b", wire.Succeeded, nil)
	s.hears("b", wire.Succeeded, nil) // the refund
	s.hears("a", wire.Succeeded, nil) // the release
	s.expect("x", v1alpha1.OrderCancelled, v1alpha1.ReasonCompensated)
}

func TestOnlyWhatAToolReallyManagesOutlivesItsTTL(t *testing.T) {
	for name, c := range map[string]struct {
		labels, annotations map[string]string
		stays               bool
	}{
		"Argo CD by annotation, which is its default":   {nil, map[string]string{"argocd.argoproj.io/tracking-id": "shop:sagas.dev/Saga:shop/x"}, true},
		"Argo CD by a label of its own":                 {map[string]string{"argocd.argoproj.io/instance": "shop"}, nil, true},
		"Flux's kustomize-controller":                   {map[string]string{"kustomize.toolkit.fluxcd.io/name": "shop", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}, nil, true},
		"Flux's helm-controller":                        {map[string]string{"helm.toolkit.fluxcd.io/name": "shop", "helm.toolkit.fluxcd.io/namespace": "flux-system"}, nil, true},
		"a label that Helm charts and others set alike": {map[string]string{"app.kubernetes.io/instance": "shop"}, nil, false},
		"what kubectl apply leaves":                     {nil, map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			saga := &v1alpha1.Saga{}
			saga.Labels, saga.Annotations = c.labels, c.annotations
			if got := managed(saga); got != c.stays {
				t.Errorf("managed: %t", got)
			}
		})
	}
}
