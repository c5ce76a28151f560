package devrun

import (
	"path/filepath"
	"testing"
	"time"
)

func TestAStubPublishesWhatTheFilterLetsThrough(t *testing.T) {
	out := start(t, Options{Paths: []string{filepath.Join(samples, "subscription")}, AutoEvents: 50 * time.Millisecond})
	out.await(t, "subscription-5001 takes billing.paid")
	out.await(t, `"amount":"9.90"`)
	out.await(t, "subscription-5001 is Completed")
}

const waiting = `apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: lease}
spec:
  steps:
  - {name: paid, recovery: Retriable, participant: bank, await: {event: paid, filter: "event.data.iban.size() > 40", timeout: 1h}}
---
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: lease-1}
spec: {definitionRef: {name: lease}}
`

func TestAStubThatFindsNoDataForAFilterSaysHowToNameIt(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "lease.yaml", waiting)
	out := start(t, Options{Paths: []string{dir}, AutoEvents: 50 * time.Millisecond})
	out.await(t, `stub bank cannot publish bank.paid for lease-1: no data is found that passes await.filter "event.data.iban.size() > 40" of step "paid"; `+
		"name the event's data with --script")
}
