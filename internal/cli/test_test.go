package cli

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// kubectlSaga runs a command line.
func kubectlSaga(t *testing.T, args ...string) (code int, out, errOut string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code = Main(args, genericiooptions.IOStreams{In: strings.NewReader(""), Out: &stdout, ErrOut: &stderr})
	return code, stdout.String(), stderr.String()
}

const samples = "../../config/samples"

// withShop is a command line about the files of the sample order, and more.
func withShop(t *testing.T, command string, more ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(samples, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of the sample order: %v", len(files), err)
	}
	return slices.Concat([]string{command}, files, more)
}

// casesOfTheSample writes cases about the sample order into a file.
func casesOfTheSample(t *testing.T, cases string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cases.yaml")
	text := "apiVersion: sagas.dev/v1alpha1\nkind: SagaTest\nmetadata: {name: orders}\ndefinition: order-fulfilment\ncases:\n" + cases
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const declined = `- name: a declined card
  order: order-1002
  answers: [{step: charge-payment, outcome: failed, code: CARD_DECLINED}]
  expect: {end: Compensated, cause: {code: CARD_DECLINED}, commands: [inventory.reserve, payment.charge, inventory.release]}
`

const wrong = `- name: an expectation that is wrong
  order: order-1001
  answers: [{step: create-shipment, body: {shipmentId: s-1}}]
  expect: {end: Compensated}
`

func TestTheExitCodeOfATestSaysWhatCameOfIt(t *testing.T) {
	good, bad := casesOfTheSample(t, declined), casesOfTheSample(t, declined+wrong)
	for name, c := range map[string]struct {
		args     []string
		code     int
		out, err string
	}{
		"all passed":                 {withShop(t, "test", good), exitOK, "1 case, 0 failed", ""},
		"one failed":                 {withShop(t, "test", bad), exitFailed, "end: expected Compensated, it is Completed", ""},
		"only those that match":      {withShop(t, "test", bad, "--run", "orders/a decl"), exitOK, "1 case, 0 failed", ""},
		"none matches":               {withShop(t, "test", bad, "--run", "nothing"), exitMisused, "", `no case matches "nothing"`},
		"an expression that is none": {withShop(t, "test", bad, "--run", "("), exitMisused, "", "--run"},
		"no file":                    {[]string{"test"}, exitMisused, "", "name at least one file or directory"},
		"a file that is not there":   {[]string{"test", "gone.yaml"}, exitMisused, "", "gone.yaml: no such file"},
		"no cases":                   {[]string{"test", samples + "/participants.yaml"}, exitMisused, "", "holds a document of kind SagaTest"},
		"no definition":              {[]string{"test", good}, exitMisused, "", `SagaDefinition "order-fulfilment" stands in none`},
		"another output":             {withShop(t, "test", good, "-o", "yaml"), exitMisused, "", "--output must be one of json"},
		"for programs":               {withShop(t, "test", good, "-o", "json"), exitOK, `"passed": true`, ""},
		"a flag that does not exist": {withShop(t, "test", good, "--fast"), exitMisused, "", "fast"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errOut := kubectlSaga(t, c.args...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errOut, c.err) {
				t.Errorf("it ended with %d, not %d; it said %q and %q", code, c.code, out, errOut)
			}
		})
	}
}

func TestAReportForCISystemsIsWrittenBesideTheTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "report.xml")
	code, out, _ := kubectlSaga(t, withShop(t, "test", casesOfTheSample(t, declined+wrong), "--junit", file)...)
	if code != exitFailed || !strings.Contains(out, "FAILED") {
		t.Fatalf("it ended with %d: %s", code, out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var report struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	if err := xml.Unmarshal(text, &report); err != nil || report.Tests != 2 || report.Failures != 1 {
		t.Errorf("it says %+v (%v)", report, err)
	}
}

// blocks are the fenced blocks of a document, in order.
func blocks(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for i, part := range strings.Split(string(text), "```") {
		if i%2 == 1 {
			_, body, _ := strings.Cut(part, "\n")
			found = append(found, body)
		}
	}
	return found
}

func TestTheFirstCaseOfTheDocumentationDoesWhatItSays(t *testing.T) {
	said := blocks(t, "../../docs/testing.md")
	file := filepath.Join(t.TempDir(), "orders.yaml")
	if err := os.WriteFile(file, []byte(said[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := kubectlSaga(t, withShop(t, "test", file)...)
	_, want, _ := strings.Cut(said[1], "\n") // after the command line
	if code != exitOK || out != want {
		t.Errorf("it ended with %d and said\n%s%s\nnot\n%s", code, out, errOut, want)
	}
}

func TestTheExampleCasesPass(t *testing.T) {
	if code, out, errOut := kubectlSaga(t, "test", "../../examples/cases", samples); code != exitOK {
		t.Errorf("it ended with %d:\n%s%s", code, out, errOut)
	}
	if code, out, _ := kubectlSaga(t, "lint", "../../examples/cases"); code != exitOK {
		t.Errorf("cases are no objects that lint judges:\n%s", out)
	}
}
