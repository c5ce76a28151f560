package controllers

import (
	"testing"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// TestMain lets the tests of this package share one API server.
func TestMain(m *testing.M) { controlplane.Main(m, controlplane.Options{}) }
