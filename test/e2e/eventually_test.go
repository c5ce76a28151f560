package e2e

import (
	"testing"
	"time"
)

// lookEvery is how often something is looked at that is waited for.
const lookEvery = 100 * time.Millisecond

// eventually looks until there is nothing left that is missing. look returns what is, in words.
func eventually(t *testing.T, within time.Duration, what string, look func() (missing string)) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		missing := look()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen within %s: %s", what, within, missing)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		case <-time.After(lookEvery):
		}
	}
}
