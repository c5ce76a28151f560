package devrun

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sagas-dev/saga-operator/internal/devbroker"
	"github.com/sagas-dev/saga-operator/test/kafkatest"
)

const samples = "../../config/samples"

// shop are the files of the sample order.
func shop(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(samples, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files of the sample order: %v", len(files), err)
	}
	return files
}

// output is what a session has said so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the session has said text.
func (o *output) await(t *testing.T, text string) {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(o.String())
		}
	}()
	kafkatest.Eventually(t, text, func() bool { return strings.Contains(o.String(), text) })
}

// broker is the address of the session's broker.
func (o *output) broker(t *testing.T) string {
	t.Helper()
	o.await(t, "Ready: broker on ")
	_, rest, _ := strings.Cut(o.String(), "Ready: broker on ")
	address, _, _ := strings.Cut(rest, "\n")
	return address
}

// once runs a session to its end.
func once(t *testing.T, o Options) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), kafkatest.Patience)
	defer cancel()
	out := &output{}
	o.Installation, o.Once, o.Out = "default", true, out
	err := Run(ctx, o)
	if ctx.Err() != nil {
		t.Fatalf("it has not ended:\n%s", out)
	}
	return out.String(), err
}

// start runs a session until the test ends.
func start(t *testing.T, o Options) *output {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, done := &output{}, make(chan error, 1)
	o.Installation, o.Out = "default", out
	go func() { done <- Run(ctx, o) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the session ended with %v:\n%s", err, out)
		}
	})
	return out
}

// write writes a file into dir.
func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// copySamples copies sample files into a directory of the test's.
func copySamples(t *testing.T, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(samples, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, string(text))
	}
}

func TestStubsAnswerWhereNobodyIs(t *testing.T) {
	out, err := once(t, Options{Paths: shop(t)})
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, line := range []string{
		"participant inventory: stub, nobody reads inventory.commands", "stub payment answers succeeded", "order-1001 is Completed 4/4",
		"order-1002 is Completed 4/4", "order-1003 is Completed 4/4",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("it does not say %q:\n%s", line, out)
		}
	}
}

func TestItIsReadyWithinTwoSeconds(t *testing.T) {
	fastest := time.Hour
	for range 3 { // a busy machine may be slow once
		begin := time.Now()
		start(t, Options{Paths: shop(t)}).await(t, "Ready: broker on 127.0.0.1:")
		fastest = min(fastest, time.Since(begin))
	}
	if fastest > 2*time.Second {
		t.Errorf("it took %s", fastest)
	}
}

func TestATerminalShowsATableOfSagasAndParticipants(t *testing.T) {
	out, err := once(t, Options{Paths: shop(t), Live: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"\x1b[H\x1b[2JReady: broker on 127.0.0.1:", "SAGA  ", "order-1001  ", "inventory (stub), payment (stub), shipping (stub)"} {
		if !strings.Contains(out, text) {
			t.Errorf("it does not show %q:\n%q", text, out)
		}
	}
}

func TestStubsPublishTheEventsThatAreWaitedFor(t *testing.T) {
	out, err := once(t, Options{Paths: []string{filepath.Join(samples, "package-delivery")}, AutoEvents: 50 * time.Millisecond})
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, line := range []string{"delivery-3001 is Completed", "delivery-3002 is Completed", "delivery-3002 takes "} {
		if !strings.Contains(out, line) {
			t.Errorf("it does not say %q:\n%s", line, out)
		}
	}
}

const script = `apiVersion: sagas.dev/v1alpha1
kind: SagaTest
metadata: {name: script}
definition: order-fulfilment
cases:
- name: the card is declined
  params: {}
  answers: [{step: charge-payment, outcome: failed, code: CARD_DECLINED}]
  expect: {end: Compensated}
`

func TestAScriptSaysWhatStubsAnswer(t *testing.T) {
	file := write(t, t.TempDir(), "script.yaml", script)
	out, err := once(t, Options{Paths: shop(t), Script: []string{file}})
	if !errors.Is(err, ErrNotCompleted) {
		t.Errorf("it ended with %v", err)
	}
	if !strings.Contains(out, "order-1001 is Compensated 0/4: StepFailed charge-payment CARD_DECLINED") {
		t.Errorf("it says\n%s", out)
	}
}

func TestAPortThatIsTakenIsRefused(t *testing.T) {
	port := kafkatest.FreePort(t)
	other, err := devbroker.Start(port)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := once(t, Options{Paths: shop(t), Port: port}); !errors.Is(err, devbroker.ErrPortTaken) {
		t.Errorf("it ended with %v", err)
	}
}

func TestWhatIsWrongWithTheFilesIsSaidAtOnce(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "saga.yaml", "apiVersion: sagas.dev/v1alpha1\nkind: Saga\nmetadata: {name: s}\nspec: {definitionRef: {name: gone}}\n")
	if _, err := once(t, Options{Paths: []string{dir}}); err == nil || !strings.Contains(err.Error(), `SagaDefinition "gone" stands in none of the files`) {
		t.Errorf("it ended with %v", err)
	}
	if _, err := once(t, Options{Paths: shop(t), Real: []string{"nobody"}}); err == nil || !strings.Contains(err.Error(), `--real: "nobody" is no participant`) {
		t.Errorf("it ended with %v", err)
	}
}

func TestADefinitionThatCannotRunIsNamedBeforeItIsReady(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.yaml", strings.Replace(waiting, "event.data.iban", "event.dta.iban", 1))
	out, err := once(t, Options{Paths: []string{dir}})
	if err == nil || !strings.Contains(err.Error(), `a.yaml: SagaDefinition "lease": `) || strings.Contains(out, "Ready") {
		t.Errorf("it ended with %v and said\n%s", err, out)
	}
}

func TestASagaStartsOnceItsDefinitionIsMended(t *testing.T) {
	dir := t.TempDir()
	out := start(t, Options{Paths: []string{dir}})
	out.await(t, "Ready")
	write(t, dir, "a.yaml", strings.Replace(waiting, "event.data.iban", "event.dta.iban", 1))
	out.await(t, `a.yaml: SagaDefinition "lease": `)
	write(t, dir, "a.yaml", waiting)
	out.await(t, "lease-1 is Running 0/1")
}

func TestFilesAreLookedAtAgain(t *testing.T) {
	dir := t.TempDir()
	copySamples(t, dir, "participants.yaml", "order-fulfilment.yaml")
	out := start(t, Options{Paths: []string{dir}, Real: []string{"shipping"}})
	out.await(t, "Ready")
	copySamples(t, dir, "order-completes.yaml")
	out.await(t, "order-1001 is Running 2/4: waiting for shipping.create")
	write(t, dir, "broken.yaml", "apiVersion: sagas.dev/v1alpha1\nkind: Saga\nmetadata: {name: s}\nspec: {params: {}, abrt: true}\n")
	out.await(t, `unknown field "spec.abrt"`)
	write(t, dir, "broken.yaml", `
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: wait}
spec:
  suspend: true
  definition: {steps: [{name: a, participant: inventory, action: {command: reserve}, compensation: {command: release}}]}
`)
	out.await(t, "wait is Running 0/1")
	write(t, dir, "broken.yaml", `
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: other}
spec:
  definition: {steps: [{name: a, participant: shipping, action: {command: reserve}, compensation: {command: release}}]}
`)
	out.await(t, "other is Running 0/1")
	write(t, dir, "broken.yaml", `
apiVersion: sagas.dev/v1alpha1
kind: Saga
metadata: {name: other}
spec:
  abort: true
  definition: {steps: [{name: a, participant: shipping, action: {command: reserve}, compensation: {command: release}}]}
`)
	out.await(t, "other is Compensating 0/1: Aborted")
}
