package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// whole is all that the commands read: a participant, a definition, a saga and cases.
const whole = `apiVersion: sagas.dev/v1alpha1
kind: SagaParticipant
metadata: {name: stock}
spec: {topics: {commands: stock.commands}}
---
apiVersion: sagas.dev/v1alpha1
kind: SagaDefinition
metadata: {name: sale}
spec: {steps: [{name: reserve, participant: stock, action: {command: reserve}, compensation: {command: release}}]}
---
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: sale-1}
spec: {definitionRef: {name: sale}}
---
apiVersion: sagas.dev/v1alpha1
kind: SagaTest
metadata: {name: sale}
definition: sale
cases: [{name: it is sold, expect: {end: Completed}}]
`

func TestAllCommandsReadFilesDirectoriesAndWhatIsPipedInAlike(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(deep, "sale.yaml")
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	commands := map[string]struct {
		args []string
		says string
	}{
		"lint":     {[]string{"lint"}, ""},
		"topics":   {[]string{"topics"}, "stock.commands"},
		"simulate": {[]string{"simulate", "--pairs=false"}, "those of Saga sale-1"},
		"test":     {[]string{"test"}, "1 case, 0 failed"},
		"dev":      {[]string{"dev", "--once", "--port", "0", "-f"}, "sale-1 is Completed 1/1"},
	}
	for place, arg := range map[string]string{"a file": file, "a directory far above it": dir, "what is piped in": "-"} {
		for name, c := range commands {
			t.Run(name+" of "+place, func(t *testing.T) {
				var out, errOut bytes.Buffer
				streams := genericiooptions.IOStreams{In: strings.NewReader(whole), Out: &out, ErrOut: &errOut}
				code := Main(append(append([]string{}, c.args...), arg), streams)
				if code != exitOK || !strings.Contains(out.String(), c.says) {
					t.Errorf("it ended with %d, said %q and %q", code, out.String(), errOut.String())
				}
			})
		}
	}
}

func TestTheHelpOfAllCommandsSaysAlikeWhichFilesAreRead(t *testing.T) {
	for _, command := range []string{"lint", "topics", "simulate", "test", "dev"} {
		if _, out, _ := kubectlSaga(t, command, "--help"); !strings.Contains(out, filesHelp) {
			t.Errorf("%s says:\n%s", command, out)
		}
	}
}
