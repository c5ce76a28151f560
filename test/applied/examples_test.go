package applied

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}) }

// shared is a Git tool with a namespace of this name on the control plane that the tests share; no operator runs there.
func shared(t *testing.T, namespace string) *tool {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	api, err := client.New(controlplane.ForTest(t).Config(), client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	c := &tool{t: t, api: api, namespace: namespace, name: flux}
	c.makeNamespace()
	return c
}

func TestTheAPIServerTakesEverySampleAndExampleAsItIs(t *testing.T) {
	c := shared(t, "shop")
	for _, manifest := range manifests(t, "config/samples", "examples/gitops/tenants/shop", "examples/gitops/runs") {
		if manifest.GetNamespace() != "" && manifest.GetNamespace() != "shop" {
			t.Errorf("%s %s is in namespace %s", manifest.GetKind(), manifest.GetName(), manifest.GetNamespace())
		}
		if manifest.GetGenerateName() == "" {
			c.apply(manifest, client.DryRunAll)
			continue
		}
		c.must(c.api.Create(t.Context(), c.desired(manifest), client.DryRunAll, client.FieldValidation("Strict")))
	}
}

func TestWhatGitHoldsHasAStableName(t *testing.T) {
	for _, manifest := range manifests(t, "config/samples", "examples/gitops/tenants/shop") {
		if manifest.GetName() == "" {
			t.Errorf("a %s has no name of its own: each apply would make another, or fail", manifest.GetKind())
		}
	}
}

func TestApplyingAgainChangesNothingEvenWithoutAnOperator(t *testing.T) {
	for _, name := range []string{argoCD, flux} {
		t.Run(name, func(t *testing.T) {
			c := shared(t, "second-"+name)
			c.t, c.name = t, name
			for _, manifest := range ours(manifests(t, "config/samples", "examples/gitops/tenants/shop")) {
				first := c.apply(manifest)
				// As long as no operator has written the status, the API server stores the schema's default with the first update.
				second := c.apply(manifest)
				if second.GetGeneration() != first.GetGeneration() {
					t.Errorf("%s %s: generation %d to %d", first.GetKind(), first.GetName(), first.GetGeneration(), second.GetGeneration())
				}
				c.staysAsItIs(second, manifest)
			}
		})
	}
}
