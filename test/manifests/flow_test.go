package manifests

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

func TestTheLeaseDoesNotStandInTheQueueOfTheSagas(t *testing.T) {
	plane := controlplane.ForTest(t)
	api, err := client.New(plane.Config(), client.Options{Scheme: clientgoscheme.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range helm(t, "--values", valuesFiles(t)["cluster-values.yaml"], "--show-only", "templates/flowcontrol.yaml") {
		if err := api.Create(t.Context(), &o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := api.Delete(context.WithoutCancel(t.Context()), &o); err != nil {
				t.Error(err)
			}
		})
	}
	user := "system:serviceaccount:" + namespace + ":" + release
	manager, err := plane.AddUser(user, "system:serviceaccounts", "system:serviceaccounts:"+namespace)
	if err != nil {
		t.Fatal(err)
	}
	other, err := plane.AddUser("system:serviceaccount:"+namespace+":other", "system:serviceaccounts")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name         string
		user         *controlplane.User
		method, path string
		want         string // the FlowSchema
	}{
		{"its sagas", manager, http.MethodGet, "/apis/sagas.dev/v1alpha1/sagas", release},
		{"a status that it writes", manager, http.MethodPut, "/apis/sagas.dev/v1alpha1/namespaces/shop/sagas/x/status", release},
		{"what the API server offers", manager, http.MethodGet, "/apis", release},
		{"reading its lease", manager, http.MethodGet, "/apis/coordination.k8s.io/v1/namespaces/saga-system/leases/x", release + "-lease"},
		{"renewing its lease", manager, http.MethodPut, "/apis/coordination.k8s.io/v1/namespaces/saga-system/leases/x", release + "-lease"},
		{"a lease of others", manager, http.MethodPut, "/apis/coordination.k8s.io/v1/namespaces/shop/leases/x", release},
		{"somebody else's sagas", other, http.MethodGet, "/apis/sagas.dev/v1alpha1/sagas", "service-accounts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var want flowcontrolv1.FlowSchema
			if err := api.Get(t.Context(), types.NamespacedName{Name: test.want}, &want); err != nil {
				t.Fatal(err)
			}
			got := ""
			err := wait.PollUntilContextTimeout(t.Context(), 100*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
				got = classified(t, ctx, test.user.Config(), test.method, test.path)
				return got == string(want.UID), nil
			})
			if err != nil {
				t.Errorf("classified as %q; want %s, %q", got, test.want, want.UID)
			}
		})
	}
}

// classified sends a request, whatever becomes of it, and returns the UID of the FlowSchema that it was put under.
func classified(t *testing.T, ctx context.Context, config *rest.Config, method, path string) string {
	t.Helper()
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(ctx, method, config.Host+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return response.Header.Get("X-Kubernetes-PF-FlowSchema-UID")
}
