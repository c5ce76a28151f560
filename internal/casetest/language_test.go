package casetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// travel has a graph, an optional step, an approval, an await, a delay and outputs.
const travel = `
apiVersion: sagas.dev/v1alpha1
kind: SagaParticipant
metadata: {name: bank}
spec: {topics: {commands: c, events: e}, eventKey: event.data.trip}
---
apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: travel}
spec:
  outputs: {hotel: "${steps['hotel'].output.number}"}
  steps:
  - {name: hotel, participant: hotels, action: {command: book, outputSchema: {type: object, required: [number], properties: {number: {type: integer, minimum: 7}}}}, compensation: {command: cancel}}
  - {name: flight, participant: air, action: {command: book}, compensation: {command: cancel}}
  - {name: seat, participant: air, dependsOn: [flight], onFailure: Continue, action: {command: seat, retry: {jitterPercent: 0, retryable: [TAKEN]}}, compensation: {policy: None}}
  - {name: visa, participant: air, dependsOn: [flight], when: "params.abroad", action: {command: visa}, compensation: {policy: None}}
  - {name: approve, dependsOn: [hotel, seat, visa], approval: {message: "for ${params.who}", timeout: 48h}}
  - {name: rest, dependsOn: [approve], delay: {for: 24h}}
  - {name: paid, participant: bank, recovery: Pivot, dependsOn: [rest], await: {event: paid, timeout: 72h, filter: "event.data.amount >= 100"}}
  - {name: tell, participant: shop, recovery: Retriable, publish: {event: sold, delivery: AtMostOnce}}
`

// watched only observes.
const watched = `
apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: watched}
spec:
  mode: Observed
  steps:
  - {name: a, participant: one, action: {command: do, timeout: 10s}, compensation: {command: undo}}
  - {name: b, participant: two, action: {command: do, timeout: 10s, events: {succeeded: done, failed: broken}}, compensation: {command: undo}}
`

func runText(t *testing.T, definition, name, cases string) []Result {
	t.Helper()
	file := filepath.Join(t.TempDir(), "all.yaml")
	text := definition + "---\napiVersion: sagas.dev/v1alpha1\nkind: SagaTest\nmetadata: {name: " + name + "}\ndefinition: " + name + "\ncases:\n" + cases
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	suites, err := loadFiles(file)
	if err != nil {
		t.Fatal(err)
	}
	var results []Result
	for i := range suites[0].Cases {
		r, err := suites[0].Run(i)
		if err != nil {
			t.Fatal(err)
		}
		results = append(results, r)
	}
	return results
}

func TestACaseFailsWhereTheOutputsAreOthers(t *testing.T) {
	results := runText(t, travel, "travel", `
- name: nobody approves, so that there are no outputs
  params: {abroad: false, who: ada}
  expect: {end: Compensated, outputs: {hotel: 7}}
`)
	if !strings.Contains(strings.Join(results[0].Problems, "\n"), "outputs: expected") {
		t.Errorf("problems are %q", results[0].Problems)
	}
}

func TestGraphsApprovalsDelaysAwaitsAndOutputs(t *testing.T) {
	for _, r := range runText(t, travel, "travel", `
- name: all goes well
  params: {abroad: true, who: ada}
  businessKey: trip-1
  answers: [{step: hotel, after: 5s}]
  decisions: [{step: approve, action: MarkDone, at: 1h}]
  events:
  - {type: bank.paid, at: 2h, data: {trip: trip-1, amount: 100}}
  expect:
    end: Completed
    anyOrder: true
    commands: [hotels.book, air.book, air.seat, air.visa, shop.sold]
    steps: {visa: Succeeded, tell: Succeeded}
    outputs: {hotel: 7}
    within: 25h
- name: nobody approves
  params: {abroad: false, who: ada}
  expect: {end: Compensated, cause: {step: approve}, steps: {visa: Skipped}, commands: [hotels.book, air.book, air.seat, air.cancel, hotels.cancel], anyOrder: true, within: 48h}
- name: it is declined
  params: {abroad: false, who: ada}
  decisions: [{step: approve, action: Compensate, at: 10m}]
  expect: {end: Compensated, cause: {step: approve}, within: 10m}
- name: a seat is optional, and a taken one is asked for again
  params: {abroad: false, who: ada}
  businessKey: trip-1
  answers:
  - {step: seat, round: 1, outcome: failed, code: TAKEN}
  - {step: seat, round: 2, outcome: failed, code: NONE}
  decisions: [{step: approve, action: MarkDone}]
  events:
  - {type: bank.paid, afterStep: rest, data: {trip: trip-2, amount: 500}, ignored: true}
  - {type: bank.paid, afterStep: rest, data: {trip: trip-1, amount: 99}, ignored: true}
  - {type: bank.paid, at: 25h, data: {trip: trip-1, amount: 100}, key: trip-1}
  expect: {end: Completed, steps: {seat: Failed}}
- name: nobody pays
  params: {abroad: false, who: ada}
  decisions: [{step: approve, action: MarkDone}]
  expect: {end: NeedsIntervention, steps: {paid: NeedsIntervention}, within: 96h1s}
`) {
		if !r.Passed() {
			t.Errorf("%s failed:\n%s", r.Case, strings.Join(r.why(), "\n"))
		}
	}
}

func TestWhatIsObserved(t *testing.T) {
	for _, r := range runText(t, watched, "watched", `
- name: services act by themselves
  expect: {end: Completed, commands: []}
- name: the second fails by itself
  answers: [{step: b, outcome: failed, code: REFUSED, after: 3s}]
  expect: {end: Compensated, cause: {step: b, code: REFUSED}, commands: [one.undo], within: 3s}
- name: an event that is written out
  businessKey: k
  events: [{type: two.broken, at: 5s, data: {code: REFUSED}}]
  expect: {end: Compensated, cause: {step: b, code: REFUSED}, commands: [one.undo], within: 5s}
- name: the second is silent
  answers: [{step: b, outcome: silent}]
  expect: {end: Compensated, cause: {reason: OutcomeUnknown}, commands: [two.undo, one.undo]}
- name: the first is silent, and nothing shows that there is anything to undo
  answers: [{step: a, outcome: silent}]
  expect: {end: NeedsIntervention, steps: {a: NeedsIntervention}, commands: []}
- name: a person says that there is
  answers: [{step: a, outcome: silent}]
  decisions: [{step: a, action: Compensate}]
  expect: {end: Compensated, cause: {reason: OutcomeUnknown}, commands: [two.undo, one.undo]}
`) {
		if !r.Passed() {
			t.Errorf("%s failed:\n%s", r.Case, strings.Join(r.why(), "\n"))
		}
	}
}
