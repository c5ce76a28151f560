package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheChartIsWhatConfigSays(t *testing.T) {
	source, copied := filepath.Join("..", ".."), t.TempDir()
	for _, folder := range []string{"config", filepath.Join("charts", "saga-operator")} {
		if err := os.CopyFS(filepath.Join(copied, folder), os.DirFS(filepath.Join(source, folder))); err != nil {
			t.Fatal(err)
		}
	}
	if err := generate(copied); err != nil {
		t.Fatal(err)
	}
	here := read(t, filepath.Join(source, "charts"))
	for path, text := range read(t, filepath.Join(copied, "charts")) {
		if here[path] != text {
			t.Errorf("%s is not what config/ and values.yaml say: make generate", path)
		}
		delete(here, path)
	}
	for path := range here {
		t.Errorf("%s is not generated any more: make generate", path)
	}
}

// read returns all files below a folder by their paths.
func read(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(folder), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		raw, err := os.ReadFile(filepath.Join(folder, path))
		files[path] = string(raw)
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files in %s: %v", len(files), folder, err)
	}
	return files
}

func TestEveryValueIsDocumented(t *testing.T) {
	for name, test := range map[string]struct{ values, want, err string }{
		"a value and its default": {
			values: "# -- How many.\nreplicas: 2\n", want: "| `replicas` | `2` | How many. |\n",
		},
		"a comment of several lines, with a bar": {
			values: "a:\n  # -- One\n  # or | two.\n  b: \"\"\n", want: "| `a.b` | `\"\"` | One or \\| two. |\n",
		},
		"parts of what is documented as a whole": {
			values: "# -- All.\nresources:\n  requests:\n    cpu: 1\n", want: "| `resources` | `{\"requests\":{\"cpu\":1}}` | All. |\n",
		},
		"a value without a word":               {values: "a:\n  b: 1\n", err: "values.yaml:2: a.b has no comment"},
		"a value after another's comment":      {values: "# -- A.\na: 1\nb: 1\n", err: "b has no comment"},
		"a value after a paragraph of its own": {values: "# -- A.\n\na: 1\n", err: "a has no comment"},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := valuesTable([]byte(test.values))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Errorf("%v; want %q", err, test.err)
				}
				return
			}
			if _, rows, _ := strings.Cut(table, "|---|---|---|\n"); err != nil || rows != test.want {
				t.Errorf("%q, %v; want %q", rows, err, test.want)
			}
		})
	}
}

func TestNamesBecomeTheReleases(t *testing.T) {
	policy := object{
		"kind":     "ValidatingAdmissionPolicy",
		"metadata": object{"name": "saga-operator-status"},
		"spec":     object{"expression": "request.userInfo.username == '" + ownUser + "' && '{{x}}' != ''"},
	}
	text, err := policyTemplate(policy)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`name: {{ include "saga-operator.fullname" . }}-status`, `'{{ include "saga-operator.user" . }}'`, `{{ "{{" }}x{{ "}}" }}`,
		`{{- include "saga-operator.labels" . | nindent 4 }}`,
	} {
		if !strings.Contains(strings.ReplaceAll(text, "''", "'"), want) {
			t.Errorf("%s is not in:\n%s", want, text)
		}
	}
}

func TestWhatTheChartCannotTakeIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		o    object
		want string
	}{
		"a name that two releases would share": {object{"kind": "ValidatingAdmissionPolicy", "metadata": object{"name": "sagas"}}, "does not start with"},
		"a name that only begins alike":        {object{"kind": "ValidatingAdmissionPolicy", "metadata": object{"name": "saga-operators"}}, "does not start with"},
		"something else than a policy":         {object{"kind": "Secret", "metadata": object{"name": "saga-operator"}}, "no policy"},
		"a binding that chooses by itself": {object{
			"kind": "ValidatingAdmissionPolicyBinding", "metadata": object{"name": "saga-operator-x"},
			"spec": object{"policyName": "saga-operator-x", "matchResources": object{}},
		}, "has matchResources"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := policyTemplate(test.o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v; want %q", err, test.want)
			}
		})
	}
}

func TestRulesAboutOrdersStandAlone(t *testing.T) {
	text, err := rulesTemplate([]any{
		object{"apiGroups": []any{"sagas.dev"}, "resources": []any{"orderworkflows", "sagas"}, "verbs": []any{"get"}},
		object{"apiGroups": []any{"sagas.dev"}, "resources": []any{"orderworkflows/status"}, "verbs": []any{"update"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	outside := text
	for range 2 {
		before, rest, found := strings.Cut(outside, "{{- if .Values.orderWorkflows.enabled }}\n")
		_, after, ended := strings.Cut(rest, "{{- end }}\n")
		if !found || !ended {
			t.Fatalf("want two rules with a condition:\n%s", text)
		}
		outside = before + after
	}
	if strings.Contains(outside, "orderworkflows") || !strings.Contains(outside, "- sagas\n") {
		t.Errorf("without orders:\n%s", outside)
	}
}
