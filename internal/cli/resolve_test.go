package cli

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// needs is a step whose compensation was refused: it waits for a person.
func needs(name string, decision int32) change {
	return withStep(v1alpha1.StepStatus{Name: name, State: v1alpha1.StepNeedsIntervention, Decision: decision,
		Compensation: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, Round: 1, Attempt: 1, Code: "GONE"}})
}

// decide takes every decision that fits, as the operator would.
func decide(s *v1alpha1.Saga) {
	for i := range s.Status.Steps {
		st := &s.Status.Steps[i]
		for _, r := range s.Spec.Resolutions {
			if r.Step == st.Name && r.Decision == st.Decision && (st.Resolved == nil || st.Resolved.Decision < r.Decision) {
				st.Resolved = &v1alpha1.Resolved{Decision: r.Decision, Action: r.Action, By: r.By, Reason: r.Reason}
				st.State = v1alpha1.StepCompensated
			}
		}
	}
}

func undoneByHand(changes ...change) []change {
	return append([]change{inPhase(v1alpha1.PhaseNeedsIntervention), withCause(v1alpha1.ReasonAborted)}, changes...)
}

func TestADecisionIsWrittenUnderItsNumberAndWaitedFor(t *testing.T) {
	c := newCluster(t)
	c.make("a", undoneByHand(needs("charge", 3), func(s *v1alpha1.Saga) {
		s.Spec.Resolutions = []v1alpha1.Resolution{{Step: "charge", Decision: 2, Action: v1alpha1.ResolutionRetry, By: "bob", Reason: "again"}}
	})...)
	c.operate(decide)
	c.expect(c.run("resolve", "a", "charge", "--action", "MarkDone", "--reason", "by hand", "--decision", "3"), 0, "a: resolve taken")
	want := []v1alpha1.Resolution{
		{Step: "charge", Decision: 2, Action: v1alpha1.ResolutionRetry, By: "bob", Reason: "again"},
		{Step: "charge", Decision: 3, Action: v1alpha1.ResolutionMarkDone, By: "admin", Reason: "by hand"},
	}
	saga := c.read("a")
	if diff := cmp.Diff(want, saga.Spec.Resolutions); diff != "" || !slices.Contains(writers(saga), fieldManager) {
		t.Errorf("written by %v (-want +got):\n%s", writers(saga), diff)
	}
}

func TestADecisionThatDoesNotFitIsRefusedWithWhatFits(t *testing.T) {
	c := newCluster(t)
	c.make("a", undoneByHand(needs("charge", 3), withStep(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepSucceeded}))...)
	c.make("two", undoneByHand(needs("charge", 1), needs("reserve", 1))...)
	c.make("k", inPhase(v1alpha1.PhaseNeedsIntervention), keyUsed())
	c.make("ended", inPhase(v1alpha1.PhaseCompensated), withCause(v1alpha1.ReasonAborted))
	resolve := func(args ...string) printed {
		return c.run(append([]string{"resolve", "--reason", "r"}, args...)...)
	}
	c.expect(resolve("a", "charge", "--action", "Retry", "--decision", "2"), 1, `step "charge" waits for decision 3, not 2`)
	c.expect(resolve("a", "charge", "--action", "Compensate"), 1, `step "charge" cannot be decided by Compensate: it takes [Retry Skip MarkDone]`)
	c.expect(resolve("a", "reserve", "--action", "Retry"), 1, `step "reserve" does not wait for this (it is Succeeded)`, "decision 3 on the compensation of step")
	c.expect(resolve("a", "other", "--action", "Retry"), 1, `it has no step "other"`)
	c.expect(resolve("two", "--action", "Retry"), 1, "several steps wait: name one of charge, reserve")
	c.expect(resolve("k", "reserve", "--action", "Retry"), 1, "idempotency key", "kubectl saga adopt k")
	c.expect(resolve("ended", "--action", "Retry"), 1, "it has ended (Compensated)")
	c.expect(c.run("approve", "a"), 1, "no step waits for this")
	c.expect(resolve("a", "charge"), 2, "--action must be one of Retry, Skip, MarkDone, Compensate")
	c.expect(c.run("resolve", "a", "charge", "--action", "Retry"), 2, "--reason is needed")
	c.expect(resolve("a", "--action", "Retry", "--output-json", "{}"), 2, "--output-json goes with --action MarkDone only")
	c.expect(resolve("a", "--action", "MarkDone", "--output-json", "[]"), 2, "--output-json must be a JSON object")
	if n := len(c.read("a").Spec.Resolutions); n != 0 {
		t.Errorf("%d decisions are stored", n)
	}
}

func TestADecisionThatTheOperatorRefusesIsToldOf(t *testing.T) {
	c := newCluster(t)
	c.make("a", undoneByHand(needs("charge", 1))...)
	c.make("b", undoneByHand(needs("charge", 1), func(s *v1alpha1.Saga) {
		s.Spec.Resolutions = []v1alpha1.Resolution{{Step: "charge", Decision: 1, Action: v1alpha1.ResolutionSkip, By: "bob", Reason: "so what"}}
	})...)
	c.operate(func(s *v1alpha1.Saga) {
		if len(s.Spec.Resolutions) > 0 {
			s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: "NeedsIntervention",
				Message:            `Waiting for decision 1 on charge. Not taken: Skip of step "charge", decision 1, does not fit what it waits for`,
				LastTransitionTime: *at("2026-11-22T10:00:00Z")}}
		}
	})
	c.expect(c.run("resolve", "a", "--action", "Skip", "--reason", "r"), 1, "a: resolve refused: Waiting for decision 1 on charge. Not taken")
	c.expect(c.run("retry", "b"), 1, `decision 1 on step "charge" stands in spec.resolutions already: Skip, by bob (so what)`)
}

func TestWhatWaitsIsRetriedInBulk(t *testing.T) {
	c := newCluster(t)
	c.make("a", undoneByHand(needs("charge", 1), needs("reserve", 2))...)
	c.make("b", undoneByHand(needs("charge", 5))...)
	c.make("k", inPhase(v1alpha1.PhaseNeedsIntervention), keyUsed())
	c.operate(decide)
	c.expect(c.run("retry", "--field-selector", "status.phase=NeedsIntervention", "--by", "ada", "--rate", "100"), 1,
		"a: retry taken", "b: retry taken", "k: retry refused", "1 saga of 3 failed")
	want := []v1alpha1.Resolution{
		{Step: "charge", Decision: 1, Action: v1alpha1.ResolutionRetry, By: "ada", Reason: "retry"},
		{Step: "reserve", Decision: 2, Action: v1alpha1.ResolutionRetry, By: "ada", Reason: "retry"},
	}
	if diff := cmp.Diff(want, c.read("a").Spec.Resolutions); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestApprovalsAreGivenByDifferentPeople(t *testing.T) {
	c := newCluster(t)
	approval := v1alpha1.Step{Name: "review", Approval: &v1alpha1.Approval{}}
	c.make("a", inPhase(v1alpha1.PhaseRunning), inline(approval), withStep(v1alpha1.StepStatus{
		Name: "review", State: v1alpha1.StepRunning, Decision: 2, ApprovedBy: []string{"admin"},
		Resolved: &v1alpha1.Resolved{Decision: 1, Action: v1alpha1.ResolutionMarkDone, By: "admin", Reason: "ok"},
		Action:   &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeWaiting, Round: 1, Attempt: 1}}))
	c.operate(func(s *v1alpha1.Saga) {
		decide(s)
		if s.Status.Steps[0].State == v1alpha1.StepCompensated {
			s.Status.Steps[0].State = v1alpha1.StepSucceeded
		}
	})
	c.expect(c.run("approve", "a"), 1, `step "review" needs another person: admin has approved it already`)
	c.expect(c.run("decline", "a"), 2, "--reason is needed")
	c.expect(c.run("approve", "a", "review", "--by", "ada", "--reason", "checked"), 0, "a: approve taken")
	want := []v1alpha1.Resolution{{Step: "review", Decision: 2, Action: v1alpha1.ResolutionMarkDone, By: "ada", Reason: "checked"}}
	if diff := cmp.Diff(want, c.read("a").Spec.Resolutions); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestADecisionCarriesWhatTheStepWouldHaveAnswered(t *testing.T) {
	c := newCluster(t)
	pivot := action("ship", "shipping", "create", "")
	c.make("a", inPhase(v1alpha1.PhaseNeedsIntervention), inline(pivot), withStep(v1alpha1.StepStatus{Name: "ship", State: v1alpha1.StepNeedsIntervention,
		Decision: 1, Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeUnknown, Round: 1, Attempt: 1, Code: v1alpha1.CodeTimeout}}))
	c.expect(c.run("resolve", "a", "--action", "MarkDone", "--output-json", `{"id": "s-1"}`, "--reason", "seen", "--no-wait"), 0, "a: resolve written")
	if got := string(c.read("a").Spec.Resolutions[0].Output.Raw); got != `{"id":"s-1"}` {
		t.Errorf("stored is the output %s", got)
	}
}

func TestDecisionsOfOthersAreNotLostWhenTwoWriteAtOnce(t *testing.T) {
	c := newCluster(t)
	c.make("a", undoneByHand(needs("charge", 1), needs("reserve", 1))...)
	done := make(chan printed, 2)
	for _, step := range []string{"charge", "reserve"} {
		go func() {
			done <- runWith("", "resolve", "a", step, "--action", "Skip", "--reason", "r", "--no-wait", "--kubeconfig", c.kube, "-n", c.namespace)
		}()
	}
	for range 2 {
		expect(t, <-done, 0, "a: resolve written")
	}
	if n := len(c.read("a").Spec.Resolutions); n != 2 {
		t.Errorf("%d of 2 decisions are stored", n)
	}
}
