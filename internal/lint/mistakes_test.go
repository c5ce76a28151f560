package lint

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/manifests"
)

const sound = `apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: d}
spec:
  parameters: {type: object, properties: {amount: {type: string}}}
  steps:
  - name: a
    participant: p
    action:
      command: do
      timeout: 30s
      input: {x: "${params.amount}"}
    compensation: {command: undo}
  - name: b
    participant: p
    await: {event: paid, timeout: 1h}
  - name: c
    recovery: Pivot
    participant: p
    action: {command: ship}
---
apiVersion: sagas.dev/v1alpha1
kind: SagaParticipant
metadata: {name: p}
spec: {topics: {commands: p.commands, events: p.events}}
`

// What people get wrong most is told with its field, its bound, and what to do.
func TestTypicalMistakesAreToldSoThatTheyCanBeMended(t *testing.T) {
	for name, c := range map[string]struct{ right, wrong, want string }{
		"no mistake":               {"", "", ""},
		"a field in other letters": {"timeout: 30s", "timeOut: 30s", `spec.steps[0].action.timeOut: unknown field "timeOut": did you mean "timeout"?`},
		"a field of another tool":  {"timeout: 30s", "ttl: 30s", `spec.steps[0].action.ttl: unknown field "ttl": there are command, events, input, output, outputSchema, retry, timeout, upcasts`},
		"a step without kind":      {"    action: {command: ship}\n", "", `spec.steps[2]: exactly one of action, publish, await, delay and approval is needed, there is none`},
		"a step of two kinds":      {"    action: {command: ship}\n", "    action: {command: ship}\n    delay: {for: 1h}\n", `spec.steps[2]: exactly one of action, publish, await, delay and approval is needed, there are action and delay`},
		"no compensation":          {"    compensation: {command: undo}\n", "", `spec.steps[0].compensation: a Compensatable step needs one; where it changes nothing, say compensation: {policy: None}`},
		"a later step":             {"- name: a", "- name: a\n    dependsOn: [c]", `spec.steps[0].dependsOn[0]: "c" is no earlier step: list a step after those that it waits for`},
		"an unknown participant":   {"    participant: p\n    await", "    participant: q\n    await", `spec.steps[1].participant: SagaParticipant "q" is not among these files`},
		"an expression unclosed":   {"${params.amount}", "${params.amount", `spec.steps[0].action.input.x: no } closes the ${ at character 1: close it, or write $${ for a literal ${`},
		"an expression cut off":    {"${params.amount}", "${params.}", `spec.steps[0].action.input.x: 1:8: a name is missing after the dot`},
		"a variable misspelt":      {"${params.amount}", "${param.amount}", `spec.steps[0].action.input.x: 1:1: undeclared reference to 'param'; there are params, steps and saga`},
		"a type that is none":      {"{type: string}", "{type: text}", `spec.parameters: schema is not valid: /properties/amount/type: must be one of array, boolean, integer, null, number, object, string, or a list of these`},
		"an await without end":     {"{event: paid, timeout: 1h}", "{event: paid}", `spec.steps[1].await.timeout: is needed, from 1s to 8784h`},
		"two pivots":               {"- name: b", "- name: b\n    recovery: Pivot", `spec.steps[2].recovery: steps[1] is the Pivot already, and there can be only one`},
		"a time without unit":      {"timeout: 30s", "timeout: 30", `spec.steps[0].action.timeout: Invalid value: "integer": spec.steps[0].action.timeout in body must be of type string: "integer": write a duration such as 30s, 5m or 1h30m`},
		"a time out of bounds":     {"timeout: 30s", "timeout: 30h", `spec.steps[0].action.timeout: Invalid value: "30h": timeout must be from 1s to 24h`},
		"a name in capitals":       {"name: a", "name: Reserve", `spec.steps[0].name: Invalid value: "Reserve": spec.steps[0].name in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$': write lower case letters, digits and dashes`},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, f := range lintOf(t, manifests.Source{Name: "f.yaml", Text: strings.Replace(sound, c.right, c.wrong, 1)}).Findings {
				got = append(got, f.Field+": "+f.Message)
			}
			if diff := cmp.Diff(c.want, strings.Join(got, "\n")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A rule over all steps is told by the step that breaks it: no finding may be lost on the way.
func TestEachRuleOverStepsIsToldByTheStep(t *testing.T) {
	for name, c := range map[string]struct{ right, wrong, want string }{
		"names":         {"name: b", "name: a", "spec.steps[1].name"},
		"kinds":         {"    action: {command: ship}\n", "", "spec.steps[2]"},
		"order":         {"recovery: Pivot", "recovery: Pivot\n    dependsOn: [d]", "spec.steps[2].dependsOn[0]"},
		"recoveries":    {"- name: b", "- name: b\n    recovery: Retriable", "spec.steps[2].recovery"},
		"compensations": {"    compensation: {command: undo}\n", "", "spec.steps[0].compensation"},
		"undoing":       {"recovery: Pivot", "recovery: Pivot\n    compensation: {policy: None}", "spec.steps[2].compensation"},
		"one undoing":   {"{command: undo}", "{command: undo, policy: None}", "spec.steps[0].compensation"},
		"participants":  {"    participant: p\n    await", "    await", "spec.steps[1].participant"},
		"failures":      {"recovery: Pivot", "recovery: Pivot\n    onFailure: Continue", "spec.steps[2].onFailure"},
		"delays":        {"participant: p\n    action: {command: ship}", "delay: {for: 1h}", "spec.steps[2].recovery"},
	} {
		t.Run(name, func(t *testing.T) {
			found := lintOf(t, manifests.Source{Name: "f.yaml", Text: strings.Replace(sound, c.right, c.wrong, 1)}).Findings
			if len(found) != 1 || found[0].Field != c.want {
				t.Errorf("found %v", found)
			}
		})
	}
}

// Whoever mends what is told is through: one mistake is told once, and none waits behind another.
func TestOneMistakeIsToldOnceAndHidesNoOther(t *testing.T) {
	const pivot = `spec.steps[2].recovery: Unsupported value: "pivot": supported values: "Compensatable", "Pivot", "Retriable"`
	for name, c := range map[string]struct {
		mistakes []string // what is right, and what stands there instead, by turns
		want     []string
	}{
		"a recovery that is none": {[]string{"recovery: Pivot", "recovery: pivot"}, []string{pivot}},
		"a bound behind a value that is none": {
			[]string{"recovery: Pivot", "recovery: pivot", "timeout: 30s", "timeout: 30h"},
			[]string{`spec.steps[0].action.timeout: Invalid value: "30h": timeout must be from 1s to 24h`, pivot},
		},
		"a bound behind what is missing": {
			[]string{"{command: ship}", "{}", "timeout: 30s", "timeout: 30h"},
			[]string{`spec.steps[0].action.timeout: Invalid value: "30h": timeout must be from 1s to 24h`, `spec.steps[2].action.command: Required value`},
		},
		"a command that is none, beside a field that cannot be read": {
			[]string{"{command: undo}", "{command: Undo}", "timeout: 30s", "timeout: 30"},
			[]string{
				`spec.steps[0].action.timeout: Invalid value: "integer": spec.steps[0].action.timeout in body must be of type string: "integer": write a duration such as 30s, 5m or 1h30m`,
				`spec.steps[0].compensation.command: Invalid value: "Undo": spec.steps[0].compensation.command in body should match '^[a-z]([-a-z0-9]*[a-z0-9])?$': write lower case letters, digits and dashes`,
			},
		},
		"a required field that is misspelt": {
			[]string{"{command: ship}", "{comand: ship}"}, []string{`spec.steps[2].action.comand: unknown field "comand": did you mean "command"?`},
		},
		"a kind that is misspelt": {
			[]string{"action: {command: ship}", "actoin: {command: ship}"}, []string{`spec.steps[2].actoin: unknown field "actoin": did you mean "action"?`},
		},
		"a kind that is misspelt, of a step that has two others": {
			[]string{"    action: {command: ship}", "    action: {command: ship}\n    publish: {event: e}\n    dely: {for: 1h}"},
			[]string{
				`spec.steps[2]: exactly one of action, publish, await, delay and approval is needed, there are action and publish`,
				`spec.steps[2].dely: unknown field "dely": did you mean "delay"?`,
			},
		},
		"a name that no participant can have": {
			[]string{"    participant: p\n    await", "    participant: P\n    await"},
			[]string{`spec.steps[1].participant: Invalid value: "P": spec.steps[1].participant in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$': write lower case letters, digits and dashes`},
		},
		"a step that is waited for twice, and another that comes later": {
			[]string{"- name: b", "- name: b\n    dependsOn: [a, a, c]"},
			[]string{`spec.steps[1].dependsOn[1]: "a" is named twice`, `spec.steps[1].dependsOn[2]: "c" is no earlier step: list a step after those that it waits for`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.NewReplacer(c.mistakes...).Replace(sound)
			var got []string
			for _, f := range lintOf(t, manifests.Source{Name: "f.yaml", Text: text}).Findings {
				got = append(got, f.Field+": "+f.Message)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestADefinitionWithoutASpecIsToldOnce(t *testing.T) {
	got := lintOf(t, manifests.Source{Name: "f.yaml", Text: "apiVersion: sagas.dev/v1alpha1\nkind: SagaDefinition\nmetadata: {name: d}\n"}).Findings
	if len(got) != 1 || got[0].Message != "from 1 to 64 steps are needed, there are 0" {
		t.Errorf("found %v", got)
	}
}
