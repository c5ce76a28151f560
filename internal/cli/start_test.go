package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestAStartedSagaHasWhatTheCommandLineSays(t *testing.T) {
	c := newCluster(t)
	file := filepath.Join(t.TempDir(), "params.yaml")
	if err := os.WriteFile(file, []byte("city: Bonn\namount: overwritten\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.expect(c.run("start", "checkout", "--name", "a", "--params-file", file, "-p", "amount=12.50", "--param", "note=a=b",
		"--param-json", `lines=[{"sku":"A","n":2}]`, "--key", "k-1", "--business-key", "B-1", "--revision", "checkout-1"), 0, "saga.sagas.dev/a started\n")
	saga := c.read("a")
	if want := `{"amount":"12.50","city":"Bonn","lines":[{"n":2,"sku":"A"}],"note":"a=b"}`; canonical(t, saga) != want {
		t.Errorf("its params are %s; want %s", canonical(t, saga), want)
	}
	spec := saga.Spec
	if spec.IdempotencyKey != "k-1" || spec.BusinessKey != "B-1" || *spec.DefinitionRef != (v1alpha1.DefinitionReference{Name: "checkout", Revision: "checkout-1"}) {
		t.Errorf("its spec is %+v", spec)
	}
	if !slices.Contains(saga.Finalizers, v1alpha1.FinalizerSaga) || !slices.Equal(writers(saga), []string{fieldManager}) {
		t.Errorf("its finalizers are %v, written by %v", saga.Finalizers, writers(saga))
	}
	c.expect(c.run("start", "checkout", "--name", "a"), 1, `there is a saga "a" already`)
}

func TestANameIsGeneratedWhereNoneIsGiven(t *testing.T) {
	c := newCluster(t)
	p := c.run("start", "checkout", "-o", "name")
	name, ok := strings.CutPrefix(strings.TrimSpace(p.out), "saga.sagas.dev/checkout-")
	if !ok || name == "" || p.code != 0 {
		t.Errorf("it prints %q%s", p.out, p.err)
	}
	c.expect(c.run("start", "checkout", "--generate-name", "mine-"), 0, "saga.sagas.dev/mine-")
}

func TestADryRunStoresNothing(t *testing.T) {
	c := newCluster(t)
	p := c.run("start", "checkout", "--name", "a", "-p", "x=1", "--dry-run=client")
	var saga v1alpha1.Saga
	if err := yaml.UnmarshalStrict([]byte(p.out), &saga); err != nil || saga.Name != "a" || saga.Kind != "Saga" {
		t.Errorf("it prints %s: %v", p.out, err)
	}
	c.expect(c.run("start", "checkout", "--name", "a", "--dry-run=server"), 0, "saga.sagas.dev/a started (server dry run)")
	c.expect(c.run("start", "Checkout", "--dry-run=server", "--name", "a"), 1, "spec.definitionRef.name")
	var all v1alpha1.SagaList
	if err := c.client.List(t.Context(), &all, client.InNamespace(c.namespace)); err != nil || len(all.Items) > 0 {
		t.Errorf("%d sagas are stored: %v", len(all.Items), err)
	}
}

func TestParamsThatCannotBeReadAreMisuse(t *testing.T) {
	c := newCluster(t)
	c.expect(c.run("start", "checkout", "-p", "x"), 2, `--param must be NAME=TEXT, is "x"`)
	c.expect(c.run("start", "checkout", "--param-json", "x=12.50EUR"), 2, "--param-json must be NAME=JSON", "texts need quotes")
	c.expect(c.run("start", "checkout", "--name", "a", "--generate-name", "b"), 2, "not both")
	c.expect(c.run("start", "checkout", "--wait", "--dry-run=client"), 2, "--wait does not go with a dry run")
	c.expect(c.run("start", "checkout", "-p", "x="+strings.Repeat("a", 17000)), 1, "at most 16384 are taken")
	expect(t, runWith("- a\n", "start", "checkout", "--params-file", "-", "--kubeconfig", c.kube), 2, "holds no object of params")
	c.expect(c.run("start", "checkout", "--params-file", "/does/not/exist"), 2, "--params-file", "no such file")
}

func canonical(t *testing.T, saga *v1alpha1.Saga) string {
	t.Helper()
	raw, err := yaml.YAMLToJSON(saga.Spec.Params.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// finish ends sagas at once: those of definition "bad" are undone.
func finish(s *v1alpha1.Saga) {
	if s.Status.Phase == v1alpha1.PhaseRunning {
		s.Status.Phase, s.Status.EndTime = v1alpha1.PhaseCompleted, at("2026-11-22T10:01:00Z")
		if s.Spec.DefinitionRef.Name == "bad" {
			s.Status.Phase = v1alpha1.PhaseCompensated
			s.Status.Cause = &v1alpha1.Cause{Reason: v1alpha1.ReasonStepFailed, Step: "charge", Code: "CARD_DECLINED"}
		}
	}
	if s.Status.StartTime == nil {
		s.Status.Phase, s.Status.StartTime, s.Status.Progress, s.Status.WaitingFor = v1alpha1.PhaseRunning, at("2026-11-22T10:00:00Z"), "0/1", "x.y (z), attempt 1"
	}
}

func TestAStartIsWaitedForUntilItHasEnded(t *testing.T) {
	c := newCluster(t)
	c.operate(finish)
	c.expect(c.run("start", "checkout", "--name", "a", "--wait"), 0, "saga.sagas.dev/a started", "a Completed 0/1")
	c.expect(c.run("start", "bad", "--name", "b", "--wait", "-o", "name"), 1, "saga.sagas.dev/b\n",
		`Saga `+c.namespace+`/b was undone by 2026-11-22T10:01:00Z`, `because step "charge" failed (CARD_DECLINED)`)
}

func TestWatchFollowsSagasUntilAllHaveEnded(t *testing.T) {
	c := newCluster(t)
	c.make("a", labelled("shop", "eu"))
	c.make("b", labelled("shop", "eu"), func(s *v1alpha1.Saga) { s.Spec.DefinitionRef.Name = "bad" })
	c.make("still", labelled("other", "eu"))
	c.expect(c.run("watch", "still", "--timeout", "100ms"), 1, "1 saga not ended within 100ms")
	c.operate(finish)
	c.expect(c.run("watch", "-l", "shop=eu"), 1, "a Completed 0/1", "b Compensated 0/1", "b was undone by")
	c.expect(c.run("watch", "a"), 0, "a Completed")
	c.expect(c.run("watch", "a", "b"), 1, "a Completed", "b Compensated")
	c.expect(c.run("watch"), 2, "which sagas?")
	c.expect(c.run("watch", "-l", "no=one"), 0, "No sagas found")
}

func TestASagaThatIsDeletedWhileItIsWatchedHasNotCompleted(t *testing.T) {
	c := newCluster(t)
	saga := c.make("a", inPhase(v1alpha1.PhaseRunning), func(s *v1alpha1.Saga) { s.Finalizers = nil })
	done := make(chan printed)
	go func() { done <- c.run("watch", "a") }()
	c.operate(func(*v1alpha1.Saga) {})
	if err := c.client.Delete(t.Context(), saga); err != nil {
		t.Fatal(err)
	}
	p := <-done
	if p.code != 1 {
		t.Errorf("it ends with %d: %s%s", p.code, p.out, p.err)
	}
}
