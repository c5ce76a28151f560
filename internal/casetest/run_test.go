package casetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// suiteOf writes cases about the shop, YAML below `cases:`, beside its definition, and loads them.
func suiteOf(t *testing.T, cases string) (Suite, error) {
	t.Helper()
	dir := t.TempDir()
	shop, err := os.ReadFile(filepath.Join("testdata", "shop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := "apiVersion: sagas.dev/v1alpha1\nkind: SagaTest\nmetadata: {name: shop}\ndefinition: shop\ncases:\n" + cases
	for name, content := range map[string]string{"shop.yaml": string(shop), "cases.yaml": text} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	suites, err := loadFiles(filepath.Join(dir, "cases.yaml"))
	if err != nil {
		return Suite{}, err
	}
	return suites[0], nil
}

func runOne(t *testing.T, c string) Result {
	t.Helper()
	suite, err := suiteOf(t, "- "+strings.ReplaceAll(strings.TrimSpace(c), "\n", "\n  ")+"\n")
	if err != nil {
		t.Fatal(err)
	}
	result, err := suite.Run(0)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

func TestWhatCasesMaySay(t *testing.T) {
	for name, c := range map[string]string{
		"participants that nobody mentions succeed": `
name: c
params: {id: a}
expect: {end: Completed, commands: [stock.reserve, bank.charge, depot.ship, shop.sold], steps: {tell: Succeeded}, within: 0s}`,
		"a saga of the files brings its params": `
name: c
saga: order-7
expect: {end: Completed, commands: [{type: stock.reserve, exactData: {id: seven, note: {by: shop}}}, {type: bank.charge, data: {id: seven}}, depot.ship, shop.sold]}`,
		"a refusal turns back": `
name: c
params: {id: a}
answers: [{step: charge, outcome: failed, code: BROKE, after: 2s}]
expect:
  end: Compensated
  cause: {reason: StepFailed, step: charge, code: BROKE}
  commands: [stock.reserve, bank.charge, {type: stock.release, step: reserve, compensation: true}]
  steps: {reserve: Compensated, charge: Failed, ship: NotStarted}
  within: 2s`,
		"an attempt of its own answer": `
name: c
params: {id: a}
answers: [{step: charge, attempt: 1, outcome: retry, code: BUSY, retryAfter: 7s}]
expect: {end: Completed, commands: [stock.reserve, {type: bank.charge, attempt: 1}, {type: bank.charge, attempt: 2}, depot.ship, shop.sold], within: 7s}`,
		"silence is undone": `
name: c
params: {id: a}
answers: [{step: reserve, outcome: silent}]
expect: {end: Compensated, cause: {reason: OutcomeUnknown}, commands: [stock.reserve, stock.reserve, stock.release], within: 11s}`,
		"an answer that comes after the end of its attempt still counts": `
name: c
params: {id: a}
answers: [{step: reserve, after: 8s}, {step: charge, outcome: failed}]
expect: {end: Compensated, commands: [stock.reserve, stock.reserve, bank.charge, stock.release], within: 8s}`,
		"an undo that is refused waits for a person, who decides": `
name: c
params: {id: a}
answers: [{step: charge, outcome: failed}, {step: reserve, compensation: true, outcome: failed, code: GONE}]
decisions: [{step: reserve, action: MarkDone, by: ada, reason: by hand}]
expect: {end: Compensated, steps: {reserve: Compensated}}`,
		"nobody decides": `
name: c
params: {id: a}
answers: [{step: charge, outcome: failed}, {step: reserve, compensation: true, outcome: failed, code: GONE}]
expect: {end: NeedsIntervention, steps: {reserve: NeedsIntervention}}`,
		"a person decides later": `
name: c
params: {id: a}
answers: [{step: charge, outcome: failed}, {step: reserve, compensation: true, attempt: 1, round: 1, outcome: failed}]
decisions: [{step: reserve, action: Retry, at: 1h}]
expect: {end: Compensated, commands: [stock.reserve, bank.charge, {type: stock.release, round: 1}, {type: stock.release, round: 2}], within: 1h}`,
		"an abort while a step is in flight": `
name: c
params: {id: a}
answers: [{step: charge, after: 3s}]
requests: [{request: Abort, duringStep: charge}]
expect: {end: Compensated, cause: {reason: Aborted}, commands: [stock.reserve, bank.charge, bank.refund, stock.release], within: 3s}`,
		"a suspension holds the next step back": `
name: c
params: {id: a}
requests: [{request: Suspend, at: 1s}, {request: Resume, at: 1h}]
answers: [{step: reserve, after: 2s}]
expect: {end: Completed, within: 1h}`,
		"a suspended saga waits": `
name: c
params: {id: a}
answers: [{step: reserve, outcome: retry, attempt: 1}]
requests: [{request: Suspend, at: 0s}]
until: 20m
expect: {end: Running, commands: [{type: stock.reserve}]}`,
		"a pivot that nobody answers has no end, so the case says until when": `
name: c
params: {id: a}
answers: [{step: ship, outcome: silent}]
until: 5m
expect: {end: NeedsIntervention, steps: {ship: NeedsIntervention}}`,
		"params that do not match are rejected": `
name: c
params: {}
expect: {end: Rejected, reason: InvalidParameters, commands: []}`,
		"in any order": `
name: c
params: {id: a}
expect: {end: Completed, anyOrder: true, commands: [shop.sold, depot.ship, {type: bank.charge, data: {id: a}}, stock.reserve]}`,
		"another saga has the key": `
name: c
params: {id: a}
onKeyUsed: End
answers: [{step: reserve, outcome: failed, code: KeyUsed}]
expect: {end: Compensated, commands: [stock.reserve]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if r := runOne(t, c); !r.Passed() {
				t.Errorf("it failed:\n%s", strings.Join(r.why(), "\n"))
			}
		})
	}
}

func TestWhyCasesFail(t *testing.T) {
	for name, c := range map[string]struct{ text, problem string }{
		"another end": {`
name: c
params: {id: a}
expect: {end: Compensated}`, "end: expected Compensated, it is Completed"},
		"an answer that no command asks for": {`
name: c
params: {id: a}
answers: [{step: charge, attempt: 3, outcome: failed}]
expect: {end: Completed}`, `answers[0]: never given: no command of step "charge" that it fits was sent`},
		"an answer that another one hides": {`
name: c
params: {id: a}
answers: [{step: charge}, {step: charge, attempt: 1, outcome: failed}]
expect: {end: Completed}`, "answers[1]: never given"},
		"a request whose moment never comes": {`
name: c
params: {id: a}
requests: [{request: Abort, at: 1h}]
expect: {end: Completed}`, "requests[0]: its moment never came"},
		"a decision about what does not wait": {`
name: c
params: {id: a}
answers: [{step: ship, after: 5s}]
decisions: [{step: charge, action: Skip, at: 1s}]
expect: {end: Completed}`, `decisions[0]: Skip does not fit what step "charge" waits for`},
		"an event that nobody listens for": {`
name: c
params: {id: a}
answers: [{step: charge, after: 5s}]
events: [{type: bank.charged, at: 1s}]
expect: {end: Completed}`, "events[0]: the saga did not take bank.charged"},
		"a message more": {`
name: c
params: {id: a}
expect: {end: Completed, commands: [stock.reserve, depot.ship, shop.sold]}`, "commands: what was sent is not what was expected"},
		"other data": {`
name: c
params: {id: a}
expect: {end: Completed, commands: [{type: stock.reserve, exactData: {id: a}}, bank.charge, depot.ship, shop.sold]}`, "commands:"},
		"a message too many, in any order": {`
name: c
params: {id: a}
expect: {end: Completed, anyOrder: true, commands: [stock.reserve, stock.reserve, depot.ship, shop.sold]}`, "commands:"},
		"a step in another state": {`
name: c
params: {id: a}
expect: {end: Completed, steps: {ship: Skipped}}`, "steps.ship: expected Skipped, it is Succeeded"},
		"another cause": {`
name: c
params: {id: a}
answers: [{step: charge, outcome: failed, code: BROKE}]
expect: {end: Compensated, cause: {code: OTHER}}`, `cause.code: expected OTHER, it is "BROKE"`},
		"no cause": {`
name: c
params: {id: a}
expect: {end: Completed, cause: {code: OTHER}}`, "cause: expected OTHER, the saga did not turn back"},
		"too late": {`
name: c
params: {id: a}
answers: [{step: charge, after: 4s}]
expect: {end: Completed, within: 3s}`, "within: expected at most 3s, it took 4s"},
		"another reason": {`
name: c
params: {}
expect: {end: Rejected, reason: InvalidDefinition}`, "reason: expected InvalidDefinition, it is \"InvalidParameters\""},
	} {
		t.Run(name, func(t *testing.T) {
			r := runOne(t, c.text)
			if !strings.Contains(strings.Join(r.Problems, "\n"), c.problem) {
				t.Errorf("problems are %q, not %q", r.Problems, c.problem)
			}
		})
	}
}

func TestACaseWithoutAnEndIsStopped(t *testing.T) {
	dir := t.TempDir()
	text := `
apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: forever}
spec:
  steps: [{name: ship, recovery: Pivot, participant: depot, action: {command: ship}}]
---
apiVersion: sagas.dev/v1alpha1
kind: SagaTest
metadata: {name: forever}
definition: forever
cases:
- {name: nobody answers, answers: [{step: ship, outcome: silent}], expect: {end: Running}}
`
	if err := os.WriteFile(filepath.Join(dir, "forever.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	suites, err := loadFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	result, err := suites[0].Run(0)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Problems) != 1 || !strings.Contains(result.Problems[0], "say until when to look at it") {
		t.Errorf("problems are %q", result.Problems)
	}
}
