// Package api tests the schema of the resources against a real API server: every rule and every bound has an example
// that is accepted and one that is refused, with the message that a user of kubectl sees.
package api

import (
	"testing"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}) }
