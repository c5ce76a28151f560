package manifests

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func sourcesOf(t *testing.T, paths ...string) []Source {
	t.Helper()
	sources, err := Sources(paths, nil)
	if err != nil {
		t.Fatal(err)
	}
	return sources
}

// readFiles is Read of files and directories.
func readFiles(paths ...string) (*Set, error) {
	sources, err := Sources(paths, nil)
	if err != nil {
		return nil, err
	}
	return Read(sources)
}

const definition = "apiVersion: sagas.dev/v1alpha1\nkind: SagaDefinition\nmetadata: {name: shop}\nspec: {steps: [{name: a, participant: b, action: {command: c}, compensation: {command: d}}]}\n"

const saga = "apiVersion: sagas.dev/v1alpha1\nkind: Saga\nmetadata: {name: a}\nspec: {definitionRef: {name: shop}}\n"

func TestTwoSagasOfOneNameStandInTwoNamespaces(t *testing.T) {
	file := write(t, t.TempDir(), "x.yaml", saga+"---\n"+strings.Replace(saga, "name: a", "name: a, namespace: b", 1))
	if set, err := readFiles(file); err != nil || len(set.Sagas) != 2 {
		t.Errorf("there are %+v: %v", set, err)
	}
}

func TestTheSamplesAreReadAsTheyAre(t *testing.T) {
	files, err := filepath.Glob("../../config/samples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := readFiles(append(files, "../../config/samples/participants.yaml")...)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Definitions) != 1 || len(set.Participants) != 4 || len(set.Orders) != 3 || len(set.Sagas) != 0 {
		t.Errorf("there are %d definitions, %d participants, %d orders and %d sagas", len(set.Definitions), len(set.Participants), len(set.Orders), len(set.Sagas))
	}
	if _, err := set.Definition("order-fulfilment"); err != nil {
		t.Error(err)
	}
	if p := set.Participant("inventory"); p == nil || p.Spec.Topics.Commands != "inventory.commands" {
		t.Errorf("the participant is %+v", p)
	}
	if p := set.Participant("nobody"); p != nil {
		t.Errorf("nobody is %+v", p)
	}
}

func TestObjectsOfOthersArePassedOver(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: y}\n---\n# nothing\n---\n"+definition)
	write(t, dir, "b.yml", "apiVersion: sagas.dev/v1alpha1\nkind: SagaTrigger\nmetadata: {name: a}\nspec: {whatever: 1}\n")
	write(t, dir, "c.txt", "no: [yaml")
	write(t, dir, ".hidden.yaml", "no: [yaml")
	write(t, dir, "list.yaml", "- 1\n- 2\n")
	set, err := readFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Definitions) != 1 || len(set.Tests) != 0 {
		t.Errorf("there are %d definitions and %d tests", len(set.Definitions), len(set.Tests))
	}
}

func TestAListIsItsItems(t *testing.T) {
	for _, list := range []string{"apiVersion: v1\nkind: List\n", "apiVersion: sagas.dev/v1alpha1\nkind: SagaList\n"} {
		set, err := Read([]Source{{Name: Piped, Text: list + "items:\n- " + strings.ReplaceAll(strings.TrimSpace(saga), "\n", "\n  ") + "\n"}})
		if err != nil || len(set.Sagas) != 1 || set.Sagas[0].File != "stdin" {
			t.Errorf("of %q there are %+v: %v", list, set, err)
		}
	}
}

func TestWhatIsWrongIsSaidWithFileAndField(t *testing.T) {
	for name, c := range map[string]struct{ text, problem string }{
		"a field that does not exist":   {definition + "---\napiVersion: sagas.dev/v1alpha1\nkind: Saga\nmetadata: {name: a}\nspec: {abrt: true}\n", `x.yaml, document 2: spec.abrt: unknown field "spec.abrt"`},
		"a field twice":                 {definition + "metadata: {name: b}\n", `x.yaml, document 1:`},
		"a step that is none":           {strings.Replace(definition, "command: d", "comand: d", 1), `x.yaml, document 1: spec.steps[0].compensation`},
		"a kind that does not exist":    {"apiVersion: sagas.dev/v1alpha1\nkind: Sgaa\n", `x.yaml, document 1: kind: there is no "Sgaa" in sagas.dev/v1alpha1`},
		"a version that does not exist": {"apiVersion: sagas.dev/v1\nkind: Saga\n", `x.yaml, document 1: apiVersion: must be sagas.dev/v1alpha1, is "sagas.dev/v1"`},
		"a saga twice":                  {saga + "---\n" + strings.Replace(saga, "name: a", "name: a, namespace: default", 1), `x.yaml, document 2: Saga "a" stands in `},
		"no YAML":                       {"a: [b", `x.yaml, document 1:`},
	} {
		t.Run(name, func(t *testing.T) {
			file := write(t, t.TempDir(), "x.yaml", c.text)
			if _, err := readFiles(file); err == nil || !strings.Contains(err.Error(), c.problem) {
				t.Errorf("the error is %v, not %q", err, c.problem)
			}
		})
	}
	if _, err := readFiles("gone.yaml"); err == nil || !strings.Contains(err.Error(), "gone.yaml: no such file") {
		t.Errorf("the error is %v", err)
	}
}

func TestADefinitionStandsOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", definition)
	write(t, dir, "b.yaml", definition)
	set, err := readFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := set.Definition("shop"); err == nil || !strings.Contains(err.Error(), "stands in") {
		t.Errorf("the error is %v", err)
	}
	if _, err := set.Definition("other"); err == nil || !strings.Contains(err.Error(), "stands in none of the files") {
		t.Errorf("the error is %v", err)
	}
}

func TestADraftMayBreakRulesButNotBeMisspelt(t *testing.T) {
	broken := strings.Replace(definition, ", compensation: {command: d}", "", 1)
	file := write(t, t.TempDir(), "x.yaml", broken)
	if _, err := readFiles(file); err == nil || !strings.Contains(err.Error(), "needs a compensation") {
		t.Errorf("the error is %v", err)
	}
	set, err := Draft(sourcesOf(t, file))
	if err != nil {
		t.Fatal(err)
	}
	if step := set.Definitions[0].Value.Spec.Steps[0]; step.Recovery == "" || step.Action.Timeout == nil {
		t.Errorf("the step has no defaults: %+v", step)
	}
	misspelt := write(t, t.TempDir(), "x.yaml", strings.Replace(broken, "command: c", "comand: c", 1))
	if _, err := Draft(sourcesOf(t, misspelt)); err == nil || !strings.Contains(err.Error(), `unknown field "spec.steps[0].action.comand"`) {
		t.Errorf("the error is %v", err)
	}
}
