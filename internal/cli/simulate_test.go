package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// saga runs one command line and returns its exit code and what it wrote.
func saga(args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = Main(args, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr})
	return code, stdout.String(), stderr.String()
}

func file(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "definition.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const twoSteps = `
apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: payment}
spec:
  steps:
  - name: reserve
    participant: stock
    action: {command: reserve}
    compensation: {command: release}
  - name: charge
    participant: payment
    action: {command: charge}
    compensation: COMPENSATION
`

func TestWhatNothingUndoesIsShownInALifeThatAPersonCanRead(t *testing.T) {
	code, out, errs := saga("simulate", file(t, strings.ReplaceAll(twoSteps, "    compensation: COMPENSATION\n", "")))
	if code != exitFailed || errs != "" {
		t.Fatalf("want exit code %d and nothing on standard error, got %d and %q", exitFailed, code, errs)
	}
	for _, want := range []string{
		"steps[1] (charge)",
		"stock.reserve (reserve) is sent, takes effect and is answered\n",
		"somebody aborts the saga while payment.charge (charge) is on its way\n",
		"the saga ends as Compensated\n",
		"Wrong: charge took effect and nothing undoes it: give the step a compensation",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
}

func TestWhatSaysThatItChangesNothingIsBelievedUntilItIsQuestioned(t *testing.T) {
	path := file(t, strings.ReplaceAll(twoSteps, "COMPENSATION", "{policy: None}"))
	if code, out, errs := saga("simulate", path); code != exitOK {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	code, out, _ := saga("simulate", path, "--assume-effects", "-o", "json")
	var report []proved
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatal(err)
	}
	if b := report[0].Report.Breaches(); code != exitFailed || len(b) != 1 || b[0].Faults != 1 {
		t.Errorf("exit code %d, breaches %+v", code, b)
	}
}

func TestTheSamplesEndAsTheyShould(t *testing.T) {
	code, out, errs := saga(withShop(t, "simulate", "--pairs=false")...)
	if code != exitOK || !strings.Contains(out, "every life ends as it should") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
}

func TestSimulateSaysHowItIsToBeCalled(t *testing.T) {
	path := file(t, strings.ReplaceAll(twoSteps, "COMPENSATION", "{command: refund}"))
	impossible := file(t, strings.ReplaceAll(strings.Replace(twoSteps, "  steps:", "  parameters: {not: {}}\n  steps:", 1), "COMPENSATION", "{command: refund}"))
	for name, r := range map[string]struct {
		args []string
		want string
	}{
		"no file":          {nil, "name at least one file or directory"},
		"nothing to prove": {[]string{file(t, "kind: Pod")}, "there is nothing to simulate"},
		"another format":   {[]string{path, "-o", "yaml"}, `--output must be one of text, json, is "yaml"`},
		"an unknown step":  {[]string{path, "--step", "ship"}, `there is no step "ship"`},
		"params no object": {[]string{path, "--params", "nowhere.yaml"}, "--params is neither an object nor a file"},
		"foreign outputs":  {[]string{path, "--outputs", `{"ship":{}}`}, `--outputs: there is no step "ship"`},
		"no params at all": {[]string{impossible}, "give some with --params"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := saga(append([]string{"simulate"}, r.args...)...)
			if code != exitMisused || !strings.Contains(errs, r.want) {
				t.Errorf("want exit code %d and %q, got %d and %q", exitMisused, r.want, code, errs)
			}
		})
	}
}
