package manifests

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// server applies objects to a real API server, which stores nothing.
type server struct{ client client.Client }

// newServer returns the control plane's API server, with the namespaces that the value sets name. What the API server only
// warns of is an error.
func newServer(t *testing.T) *server {
	t.Helper()
	config := controlplane.ForTest(t).Config()
	config.WarningHandlerWithContext = rest.NoWarnings{}
	groups, err := restmapper.GetAPIGroupResources(discovery.NewDiscoveryClientForConfigOrDie(config))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Mapper: restmapper.NewDiscoveryRESTMapper(groups)})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{namespace, "shop", "shop-eu"} {
		err := c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		}})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			t.Fatal(err)
		}
	}
	return &server{client.WithFieldValidation(c, metav1.FieldValidationStrict)}
}

// mapping says how the API server knows an object's kind.
func (s *server) mapping(t *testing.T, o unstructured.Unstructured) *meta.RESTMapping {
	t.Helper()
	mapping, err := s.client.RESTMapper().RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version)
	if err != nil {
		t.Fatalf("%s: %v", id(o), err)
	}
	return mapping
}

// apply says what the API server has against an object: by its schema, with unknown fields, and by admission.
func (s *server) apply(t *testing.T, o unstructured.Unstructured) error {
	t.Helper()
	o = *o.DeepCopy()
	mapping, err := s.client.RESTMapper().RESTMapping(o.GroupVersionKind().GroupKind(), o.GroupVersionKind().Version)
	if err != nil {
		return err
	}
	if namespaced := mapping.Scope.Name() == meta.RESTScopeNameNamespace; namespaced != (o.GetNamespace() != "") {
		return fmt.Errorf("namespaced: %t; namespace: %q", namespaced, o.GetNamespace())
	}
	return s.client.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(&o),
		client.DryRunAll, client.FieldOwner("test"), client.ForceOwnership)
}

func TestAnAPIServerTakesEverything(t *testing.T) {
	server := newServer(t)
	for set, objects := range rendered(t) {
		for _, o := range objects {
			if err := server.apply(t, o); err != nil {
				t.Errorf("%s: %s: %v", set, id(o), err)
			}
		}
	}
}

func TestAnAPIServerRefusesWhatIsWrong(t *testing.T) {
	server := newServer(t)
	for name, test := range map[string]struct{ text, want string }{
		"an unknown field": {
			`{apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: shop}, dat: {}}`, "dat",
		},
		"an unknown field of a resource that is not built in": {
			`{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: x, namespace: shop}, spec: {selectors: {}}}`, "selectors",
		},
		"a field of the wrong type": {
			`{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: x, namespace: shop}, spec: {maxUnavailable: []}}`, "cannot unmarshal",
		},
		"a pod that is not restricted": {
			`{apiVersion: v1, kind: Pod, metadata: {name: x, namespace: shop}, spec: {containers: [{name: c, image: i}]}}`, "violates PodSecurity",
		},
		"an unknown kind":     {`{apiVersion: v1, kind: ConfigMapp, metadata: {name: x, namespace: shop}}`, "no matches"},
		"a missing namespace": {`{apiVersion: v1, kind: ConfigMap, metadata: {name: x}}`, "namespace"},
		"an expression with typo": {
			`{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, metadata: {name: x}, spec: {matchConstraints:` +
				` {resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]}, validations: [{expression: "object.("}]}}`,
			"expression",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := server.apply(t, parse(t, []byte(test.text))[0])
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want %q", err, test.want)
			}
		})
	}
}
