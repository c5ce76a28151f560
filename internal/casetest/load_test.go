package casetest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sagas-dev/saga-operator/internal/manifests"
)

func TestWhatIsWrongWithCasesIsSaidByItsPath(t *testing.T) {
	for name, c := range map[string]struct{ cases, problem string }{
		"a field that does not exist": {
			`- {name: c, params: {id: a}, expect: {end: Completed, commands: [stock.reserve, {type: a.b, dta: {}}]}}`,
			`unknown field "cases[0].expect.commands[1].dta"`},
		"an end that is none": {`- {name: c, expect: {end: Done}}`, `cases[0].expect.end: must be one of`},
		"nothing expected":    {`- {name: c}`, `cases[0].expect.end: must be one of`},
		"no name":             {`- {expect: {end: Completed}}`, `cases[0].name: is missing`},
		"the same name twice": {"- {name: c, expect: {end: Completed}}\n- {name: c, expect: {end: Completed}}", `cases[1].name: "c" is the name of an earlier case too`},
		"a step that does not exist": {
			`- {name: c, answers: [{step: chrge}], expect: {end: Completed, steps: {shp: Succeeded}}}`, `cases[0].answers[0].step: "chrge" is no step of "shop"`},
		"an expected step that does not exist": {`- {name: c, expect: {end: Completed, steps: {shp: Succeeded}}}`, `cases[0].expect.steps: "shp" is no step of "shop"`},
		"an answer to an event":                {`- {name: c, answers: [{step: tell}], expect: {end: Completed}}`, `cases[0].answers[0].step: "tell" has no action that could be answered`},
		"an answer to an undo that is not there": {
			`- {name: c, answers: [{step: ship, compensation: true}], expect: {end: Completed}}`, `cases[0].answers[0].compensation: "ship" has no compensation`},
		"an outcome that is none":            {`- {name: c, answers: [{step: ship, outcome: ok}], expect: {end: Completed}}`, `cases[0].answers[0].outcome: "ok" is none of`},
		"a code of a success":                {`- {name: c, answers: [{step: ship, code: X}], expect: {end: Completed}}`, `only failed and retry have a code`},
		"a body of silence":                  {`- {name: c, answers: [{step: ship, outcome: silent, body: {}}], expect: {end: Completed}}`, `silent answers nothing`},
		"no moment":                          {`- {name: c, requests: [{request: Abort}], expect: {end: Completed}}`, `cases[0].requests[0]: exactly one of at, afterStep and duringStep`},
		"two moments":                        {`- {name: c, events: [{type: a.b, at: 1s, afterStep: ship}], expect: {end: Completed}}`, `cases[0].events[0]: exactly one of`},
		"a request that is none":             {`- {name: c, requests: [{request: Stop, at: 1s}], expect: {end: Completed}}`, `cases[0].requests[0].request: "Stop" is none of`},
		"a decision that is none":            {`- {name: c, decisions: [{step: ship, action: Approve}], expect: {end: Completed}}`, `cases[0].decisions[0].action: "Approve" is none of`},
		"a message without a service":        {`- {name: c, expect: {end: Completed, commands: [reserve]}}`, `cases[0].expect.commands[0].type: must be <participant>.<command or event>, is "reserve"`},
		"two sources of params":              {`- {name: c, params: {}, saga: order-7, expect: {end: Completed}}`, `cases[0].params: at most one of params, saga and order`},
		"a saga that is not there":           {`- {name: c, saga: order-8, expect: {end: Completed}}`, `cases[0].saga: Saga "order-8" stands in none of the files`},
		"a cause's step that does not exist": {`- {name: c, expect: {end: Compensated, cause: {step: shp}}}`, `cases[0].expect.cause.step: "shp" is no step of "shop"`},
		"a cause that is none":               {`- {name: c, expect: {end: Compensated, cause: {reason: Failed}}}`, `cases[0].expect.cause.reason: must be one of [StepFailed OutcomeUnknown DeadlineExceeded Aborted Deleted], is "Failed"`},
		"a rejection that is none":           {`- {name: c, expect: {end: Rejected, reason: Invalid}}`, `cases[0].expect.reason: must be one of [InvalidDefinition InvalidExpression InvalidParameters], is "Invalid"`},
		"a state that is none":               {`- {name: c, expect: {end: Completed, steps: {ship: Done}}}`, `cases[0].expect.steps.ship: must be one of [NotStarted Running`},
		"outputs where there are none":       {`- {name: c, expect: {end: Completed, outputs: {id: a}}}`, `cases[0].expect.outputs: definition "shop" has no outputs`},
		"a message of another service":       {`- {name: c, expect: {end: Completed, commands: [bnk.charge]}}`, `cases[0].expect.commands[0].type: "bnk.charge" is nothing that a step of "shop" sends: these send [bank.charge`},
		"a duration that is none":            {`- {name: c, until: soon, expect: {end: Completed, within: 3 days}}`, `cases[0].expect.within: "3 days" is no duration such as 72h`},
		"a duration without a unit":          {`- {name: c, until: 3, expect: {end: Completed}}`, `cases[0].until: 3 is no duration such as 72h`},
		"a time that is none":                {`- {name: c, start: noon, expect: {end: Completed}}`, `cases[0].start: "noon" is no time such as 2026-01-01T00:00:00Z`},
		"a word that YAML takes for a boolean": {
			`- {name: c, decisions: [{step: ship, action: Skip, reason: no}], expect: {end: Completed}}`, `cases[0].decisions[0].reason: must be a text, is a boolean (quote it: "no")`},
		"a number in place of a text":  {`- {name: c, answers: [{step: ship, code: 404}], expect: {end: Completed}}`, `cases[0].answers[0].code: must be a text, is a number (quote it: "404")`},
		"a text in place of a number":  {`- {name: c, answers: [{step: ship, attempt: two}], expect: {end: Completed}}`, `cases[0].answers[0].attempt: must be a whole number, is a text`},
		"a part of a number":           {`- {name: c, answers: [{step: ship, attempt: 1.5}], expect: {end: Completed}}`, `cases[0].answers[0].attempt: must be a whole number of at most 2147483647, is 1.5`},
		"a text in place of a boolean": {`- {name: c, answers: [{step: ship, compensation: "yes"}], expect: {end: Completed}}`, `cases[0].answers[0].compensation: must be true or false, is a text`},
		"an object in place of a list": {`- {name: c, answers: {step: ship}, expect: {end: Completed}}`, `cases[0].answers: must be a list, is an object`},
		"a text in place of an object": {`- {name: c, expect: Completed}`, `cases[0].expect: must be an object, is a text`},
		"a state that is no text":      {`- {name: c, expect: {end: Completed, steps: {ship: 1}}}`, `cases[0].expect.steps.ship: must be a text, is a number`},
		"a field twice":                {`- {name: c, name: d, expect: {end: Completed}}`, `name`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := suiteOf(t, c.cases+"\n")
			if err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("error is %v, not %q", err, c.problem)
			}
		})
	}
}

// loadFiles is Load of files and directories.
func loadFiles(paths ...string) ([]Suite, error) {
	sources, err := manifests.Sources(paths, nil)
	if err != nil {
		return nil, err
	}
	return Load(sources)
}

func TestOfTwoDefinitionsOfOneNameTheOneBesideTheCasesIsMeant(t *testing.T) {
	dir := t.TempDir()
	const definition = "apiVersion: sagas.dev/v1alpha1\nkind: SagaDefinition\nmetadata: {name: d}\n" +
		"spec: {steps: [{name: STEP, participant: p, action: {command: c}, compensation: {command: undo}}]}\n"
	const cases = "---\napiVersion: sagas.dev/v1alpha1\nkind: SagaTest\nmetadata: {name: a}\ndefinition: d\ncases: [{name: c, expect: {end: Completed}}]\n"
	for place, step := range map[string]string{"base": "first", "base/other": "second"} {
		file := filepath.Join(dir, place, "d.yaml")
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(definition, "STEP", step, 1)+cases), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	suites, err := loadFiles(dir)
	if err != nil || len(suites) != 2 {
		t.Fatalf("%d suites: %v", len(suites), err)
	}
	for i, want := range []string{"first", "second"} {
		if got := suites[i].Def.Spec.Steps[0].Name; got != want {
			t.Errorf("the cases of %s are about step %q, not %q", suites[i].File, got, want)
		}
	}
}

func TestADefinitionThatStandsNowhereIsNamed(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "cases.yaml")
	text := "apiVersion: sagas.dev/v1alpha1\nkind: SagaTest\nmetadata: {name: a}\ndefinition: b\ncases: []\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadFiles(file); err == nil || !strings.Contains(err.Error(), `SagaDefinition "b" stands in none of the files`) {
		t.Errorf("error is %v", err)
	}
	if _, err := loadFiles(filepath.Join(dir, "gone")); err == nil || !strings.Contains(err.Error(), "gone: no such file") {
		t.Errorf("error is %v", err)
	}
}
