package policies

import (
	"testing"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// TestMain lets the tests share a control plane whose controller manager collects garbage, deletes namespaces, aggregates
// roles and checks the types of policies, each with an account of its own, as in a real cluster.
func TestMain(m *testing.M) {
	controlplane.Main(m, controlplane.Options{
		ControllerManager: true, ControllerManagerArgs: []string{"--use-service-account-credentials"}, Controllers: []string{
			"garbage-collector-controller", "namespace-controller",
			"clusterrole-aggregation-controller", "validatingadmissionpolicy-status-controller",
		},
	})
}
