package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/revision"
)

func squeeze(text string) string {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, "\n")
}

func TestGetShowsWhereSagasStand(t *testing.T) {
	c := newCluster(t)
	c.make("a", inPhase(v1alpha1.PhaseCompleted), labelled("shop", "eu"))
	c.make("b", inPhase(v1alpha1.PhaseCompensating), withCause(v1alpha1.ReasonAborted), func(s *v1alpha1.Saga) {
		s.Spec.BusinessKey, s.Status.Progress, s.Status.WaitingFor, s.Status.Revision = "B-1", "1/2", "inventory.release (reserve), attempt 1", "checkout-1"
		s.Status.Cause.Code, s.Status.Deadline = "KeyUsed", at("2026-11-22T10:15:00Z")
	})
	c.make("c", inline(action("reserve", "inventory", "reserve", "release")))

	table := squeeze(c.run("get").out)
	for _, want := range []string{
		"NAME DEFINITION PHASE PROGRESS WAITING FOR REASON AGE",
		"\na checkout Completed ", "\nb checkout Compensating 1/2 inventory.release (reserve), attempt 1 Aborted ", "\nc <inline> Pending Pending ",
	} {
		if !strings.Contains(table, want) {
			t.Errorf("no %q in\n%s", want, table)
		}
	}
	c.expect(c.run("get", "b", "-o", "wide"), 0, "BUSINESS KEY", "B-1", "checkout-1", "KeyUsed", "2026-11-22T10:15:00Z", "false")
	c.expect(c.run("get", "-A", "-o", "name"), 0, "saga.sagas.dev/a\n")
	c.expect(c.run("get", "-A"), 0, "NAMESPACE", c.namespace)
	for selector, want := range map[string]string{
		"-lshop=eu": "a", "--field-selector=status.phase=Compensating": "b", "--field-selector=spec.businessKey=B-1,spec.definitionRef.name=checkout": "b",
	} {
		if got := c.run("get", selector, "-o", "name").out; got != "saga.sagas.dev/"+want+"\n" {
			t.Errorf("%s selects %q; want %s", selector, got, want)
		}
	}
}

func TestGetPrintsObjects(t *testing.T) {
	c := newCluster(t)
	c.make("a", inPhase(v1alpha1.PhaseCompleted))
	var one v1alpha1.Saga
	if err := yaml.Unmarshal([]byte(c.run("get", "a", "-o", "yaml").out), &one); err != nil || one.Name != "a" || one.Kind != "Saga" || one.ManagedFields != nil {
		t.Errorf("-o yaml prints %+v: %v", one.ObjectMeta, err)
	}
	var list sagaList
	if err := json.Unmarshal([]byte(c.run("get", "-o", "json").out), &list); err != nil || list.Kind != "List" || len(list.Items) != 1 {
		t.Errorf("-o json prints %+v: %v", list, err)
	}
}

func TestWhatCannotBeShownIsSaid(t *testing.T) {
	c := newCluster(t)
	c.expect(c.run("get"), 0, "No sagas found in namespace")
	c.expect(c.run("get", "x"), 1, `there is no saga "x"`)
	c.expect(c.run("why", "x"), 1, `there is no saga "x"`)
	c.expect(c.run("get", "x", "-l", "a=b"), 2, "not both")
	c.expect(c.run("get", "-o", "xml"), 2, `--output must be one of wide, json, yaml, name, is "xml"`)
	c.expect(c.run("get", "-l", "a=("), 2, "--selector")
	c.expect(c.run("tree"), 2, "accepts 1 arg(s), received 0: see kubectl saga tree --help")
	c.expect(c.run("tree", "x", "--color", "blue"), 2, "--color must be one of auto, always, never")
	c.expect(c.run("nothing"), 2, `there is no command "nothing": see kubectl saga --help`)
	c.expect(c.run("gte"), 2, `there is no command "gte": did you mean get`)
}

// pinned stores a revision of a definition with these steps, and the definition with others.
func (c *cluster) pinned(name string, steps ...v1alpha1.Step) string {
	c.t.Helper()
	def := &v1alpha1.SagaDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: name}, Spec: v1alpha1.SagaDefinitionSpec{Steps: steps}}
	if err := c.client.Create(c.t.Context(), def); err != nil {
		c.t.Fatal(err)
	}
	rev, err := revision.New(def, 1, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.client.Create(c.t.Context(), rev); err != nil {
		c.t.Fatal(err)
	}
	def.Spec.Steps = []v1alpha1.Step{action("newer", "inventory", "reserve", "release")}
	if err := c.client.Update(c.t.Context(), def); err != nil {
		c.t.Fatal(err)
	}
	return rev.Name
}

func TestTreeAndWhyReadTheRevisionThatTheSagaIsPinnedTo(t *testing.T) {
	c := newCluster(t)
	rev := c.pinned("checkout", action("reserve", "inventory", "reserve", "release"), action("ship", "shipping", "create", ""))
	c.make("a", inPhase(v1alpha1.PhaseRunning), withStep(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepRunning, Action: &v1alpha1.Exchange{
		Outcome: v1alpha1.ExchangeWaiting, Round: 1, Attempt: 2, StartTime: at("2026-11-22T10:00:00Z")}}),
		func(s *v1alpha1.Saga) { s.Status.Revision = rev })
	c.expect(c.run("tree", "a"), 0, "→ inventory.reserve", "point of no return", "→ shipping.create", "Running")
	c.expect(c.run("tree", "a", "--color", "always"), 0, "\x1b[33mRunning\x1b[0m")
	c.expect(c.run("why", "a"), 0, `waits for participant "inventory" to answer inventory.reserve (step "reserve"), attempt 2 of 5`)

	c.make("b", func(s *v1alpha1.Saga) { s.Status.Phase = v1alpha1.PhasePending })
	c.expect(c.run("tree", "b"), 0, "newer", "NotStarted") // what it would run if it started now
	c.make("gone", inPhase(v1alpha1.PhaseRunning), func(s *v1alpha1.Saga) { s.Status.Revision = "checkout-gone" },
		withStep(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepRunning, Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeWaiting, Round: 1, Attempt: 1}}))
	c.expect(c.run("tree", "gone"), 0, "reserve", "Running")
	c.expect(c.run("why", "gone"), 0, `waits for the answer to step "reserve"`)
}

func TestWhyKnowsOfAParticipantThatCannotBeReached(t *testing.T) {
	c := newCluster(t)
	p := &v1alpha1.SagaParticipant{ObjectMeta: metav1.ObjectMeta{Namespace: c.namespace, Name: "inventory"},
		Spec: v1alpha1.SagaParticipantSpec{Topics: v1alpha1.ParticipantTopics{Commands: "inventory.commands"}}}
	if err := c.client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionTopicsReady, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonTopicMissing,
		Message: `Missing: "inventory.commands"`, LastTransitionTime: *at("2026-11-22T10:00:00Z")}}
	if err := c.client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	c.make("a", inPhase(v1alpha1.PhaseRunning), inline(action("reserve", "inventory", "reserve", "release")),
		withStep(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepRunning, Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeWaiting, Round: 1, Attempt: 1}}))
	c.expect(c.run("why", "a"), 0, `waits for SagaParticipant "inventory", which says TopicMissing (Missing: "inventory.commands")`)
}
