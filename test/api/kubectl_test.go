package api

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/sagas-dev/saga-operator/test/controlplane"
)

// kubectl runs kubectl against the test's API server and returns what it prints.
func kubectl(t *testing.T, stdin string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	plane := controlplane.ForTest(t)
	args = append([]string{"--kubeconfig", plane.Kubeconfig(), "--cache-dir", t.TempDir()}, args...)
	cmd := exec.CommandContext(t.Context(), filepath.Join(plane.BinDir(), "kubectl"), args...)
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &problems
	err = cmd.Run()
	return out.String(), strings.TrimSpace(problems.String()), err
}

// TestKubectlSaysWhatIsWrong shows what a person reads, with kubectl's default validation.
func TestKubectlSaysWhatIsWrong(t *testing.T) {
	for name, tc := range map[string]struct {
		attempt attempt
		want    string
	}{
		"a total that does not match": {
			creating(order, set("spec/total", "129.91")),
			`The OrderWorkflow "example" is invalid: spec: Invalid value: total must be the sum of quantity × unitPrice of all lines`,
		},
		"a currency of two letters": {
			creating(order, set("spec/currency", "EU")),
			`The OrderWorkflow "example" is invalid: spec.currency: Invalid value: "EU": spec.currency in body should match '^[A-Z]{3}$'`,
		},
		"an order with no lines": {
			creating(order, set("spec/lines", []any{})),
			`The OrderWorkflow "example" is invalid: spec.lines: Invalid value: 0: spec.lines in body should have at least 1 items`,
		},
		"a timeout of 25 hours": {
			creating(definition, set("spec/steps/0/action/timeout", "25h")),
			`The SagaDefinition "example" is invalid: spec.steps[0].action.timeout: Invalid value: "25h": timeout must be from 1s to 24h`,
		},
		"two steps of one name": {
			creating(definition, set("spec/steps/1/name", "reserve")),
			`The SagaDefinition "example" is invalid: spec.steps: Invalid value: every step needs a name of its own: two steps have the same name`,
		},
		"a field that is misspelt": {
			creating(definition, set("spec/steps/0/action/timeuot", "5s")),
			`Error from server (BadRequest): error when creating "STDIN": SagaDefinition in version "v1alpha1" cannot be handled as a SagaDefinition: strict decoding error: unknown field "spec.steps[0].action.timeuot"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			object := load(t, tc.attempt.example)
			for _, change := range tc.attempt.edits {
				change(object)
			}
			manifest, err := yaml.Marshal(object.Object)
			if err != nil {
				t.Fatal(err)
			}
			_, stderr, err := kubectl(t, string(manifest), "apply", "-n", "default", "-f", "-")
			if err == nil || stderr != tc.want {
				t.Errorf("kubectl says (%v):\n%s\nwant:\n%s", err, stderr, tc.want)
			}
		})
	}
}

func TestKubectlExplainsTheFields(t *testing.T) {
	for field, want := range map[string][]string{
		"saga.spec.definition.steps.action.retry": {"how often and how soon", "maxAttempts", "From 1 to 1000", "Unit: percent"},
		"sagadef.spec.steps.compensation":         {"undoes", "Defaults to the action's"},
		"participant.spec.topics":                 {"Kafka topics", "at most 249 characters"},
		"order.spec.lines":                        {"From 1 to 100 lines", "quantity", "-required-"},
		"sg.status.steps":                         {"definition's order", "compensation"},
	} {
		t.Run(field, func(t *testing.T) {
			stdout, stderr, err := kubectl(t, "", "explain", field)
			if err != nil {
				t.Fatalf("kubectl explain: %v: %s", err, stderr)
			}
			text := strings.Join(strings.Fields(stdout), " ") // kubectl breaks lines where it likes
			for _, part := range want {
				if !strings.Contains(text, part) {
					t.Errorf("no %q in:\n%s", part, stdout)
				}
			}
			if strings.Contains(text, "<no description>") {
				t.Errorf("a field has no description:\n%s", stdout)
			}
		})
	}
}

func TestKubectlShowsOrdersAsOrders(t *testing.T) {
	s := newServer(t)
	order := load(t, order)
	stored := s.create(order)
	stored.Object["status"] = order.Object["status"]
	s.storeStatus(stored)
	stdout, stderr, err := kubectl(t, "", "get", "orders", "-n", s.namespace, "--no-headers")
	if err != nil {
		t.Fatalf("kubectl get: %v: %s", err, stderr)
	}
	columns := strings.Join(strings.Fields(stdout), " ")
	if want := stored.GetName() + " Ada Muster 129.90 EUR Completed "; !strings.HasPrefix(columns, want) {
		t.Errorf("kubectl shows %q; want %q and the age", columns, want)
	}
}

func TestKubectlShowsSagasWithWhyTheyTurnedBack(t *testing.T) {
	s := newServer(t)
	stored := s.create(load(t, sagaByReference))
	stored.Object["status"] = fields("phase", "Compensating", "progress", "1/4", "waitingFor", "inventory.release (reserve), attempt 1",
		"revision", "order-fulfilment-6f9c7d5b8", "deadline", "2026-11-22T10:15:00Z",
		"cause", fields("reason", "StepFailed", "step", "charge", "code", "CARD_DECLINED"))
	s.storeStatus(stored)
	for output, want := range map[string]string{
		"":     "NAME DEFINITION PHASE PROGRESS WAITING FOR AGE",
		"wide": "NAME DEFINITION PHASE PROGRESS WAITING FOR AGE BUSINESS KEY REVISION REASON CODE SUSPENDED DEADLINE",
	} {
		stdout, stderr, err := kubectl(t, "", "get", "sg", "-n", s.namespace, "-o", output)
		if err != nil {
			t.Fatalf("kubectl get: %v: %s", err, stderr)
		}
		header, row, _ := strings.Cut(stdout, "\n")
		if got := strings.Join(strings.Fields(header), " "); got != want {
			t.Errorf("-o %q has the columns %q; want %q", output, got, want)
		}
		row = strings.Join(strings.Fields(row), " ")
		if want := stored.GetName() + " order-fulfilment Compensating 1/4 inventory.release (reserve), attempt 1 "; !strings.HasPrefix(row, want) {
			t.Errorf("-o %q shows %q; want %q", output, row, want)
		}
		if wide := output == "wide"; wide != strings.Contains(row, "order-fulfilment-6f9c7d5b8 StepFailed CARD_DECLINED ") {
			t.Errorf("-o %q shows %q", output, row)
		}
	}
}

func TestSagasAndOrdersAreSelectedByTheirFields(t *testing.T) {
	s := newServer(t)
	for _, example := range []string{sagaByReference, order} {
		changed := load(t, example)
		if example == sagaByReference {
			set("spec/businessKey", "key-1")(changed)
		}
		stored := s.create(changed)
		stored.Object["status"] = fields("phase", "Completed")
		s.storeStatus(stored)
	}
	for selector, want := range map[string]int{
		"sagas status.phase=Completed":                        1,
		"sagas status.phase=Running":                          0,
		"sagas spec.definitionRef.name=order-fulfilment":      1,
		"sagas spec.businessKey=key-1,status.phase=Completed": 1,
		"sagas spec.businessKey=key-2":                        0,
		"orderworkflows status.phase=Completed":               1,
		"orderworkflows spec.customer.id=nobody":              0,
	} {
		t.Run(selector, func(t *testing.T) {
			resource, fields, _ := strings.Cut(selector, " ")
			stdout, stderr, err := kubectl(t, "", "get", resource, "-n", s.namespace, "--field-selector", fields, "-o", "name")
			if err != nil {
				t.Fatalf("kubectl get: %v: %s", err, stderr)
			}
			if n := strings.Count(stdout, "\n"); n != want {
				t.Errorf("%d are selected; want %d:\n%s", n, want, stdout)
			}
		})
	}
}

func TestTheSamplesAreAccepted(t *testing.T) {
	root, err := controlplane.Root()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr, err := kubectl(t, "", "apply", "-n", newServer(t).namespace, "-k", filepath.Join(root, "config", "samples"))
	if err != nil || strings.Count(stdout, " created\n") != 8 {
		t.Errorf("kubectl apply: %v: %s%s; want 4 participants, a definition and 3 orders", err, stdout, stderr)
	}
}
