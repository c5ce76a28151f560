package cli

import (
	"maps"
	"slices"
	"strings"
	"testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

func TestARerunIsAnotherTransactionOfTheSame(t *testing.T) {
	c := newCluster(t)
	c.make("a", inPhase(v1alpha1.PhaseCompensated), withCause(v1alpha1.ReasonAborted), func(s *v1alpha1.Saga) {
		s.Labels = map[string]string{"shop": "eu", "argocd.argoproj.io/instance": "shop"}
		s.Spec.IdempotencyKey, s.Spec.BusinessKey, s.Spec.Abort, s.Spec.OnKeyUsed = "k-1", "B-1", true, v1alpha1.KeyUsedEnd
		s.Spec.Resolutions = []v1alpha1.Resolution{{Step: "x", Decision: 1, Action: v1alpha1.ResolutionSkip, By: "b", Reason: "r"}}
		s.Status.Revision = "checkout-1"
	})
	c.operate(finish)
	c.expect(c.run("rerun", "a"), 0, "a-rerun-1: rerun taken")
	fresh := c.read("a-rerun-1")
	spec := fresh.Spec
	if !strings.HasPrefix(spec.IdempotencyKey, "a-rerun-1-") || spec.BusinessKey != "B-1" || canonical(t, fresh) != `{"amount":"12.50"}` ||
		*spec.DefinitionRef != (v1alpha1.DefinitionReference{Name: "checkout"}) || spec.OnKeyUsed != v1alpha1.KeyUsedEnd {
		t.Errorf("its spec is %+v", spec)
	}
	if spec.Abort || len(spec.Resolutions) > 0 || fresh.Annotations[annotationRerunOf] != "a" ||
		!maps.Equal(fresh.Labels, map[string]string{"shop": "eu"}) || !slices.Contains(fresh.Finalizers, v1alpha1.FinalizerSaga) {
		t.Errorf("it is %+v, abort %v, resolutions %v", fresh.ObjectMeta, spec.Abort, spec.Resolutions)
	}
	c.expect(c.run("rerun", "a"), 1, `there is a saga "a-rerun-1" already, which was made from it: rerun that one`)
	c.expect(c.run("rerun", "a-rerun-1", "--no-wait"), 0, "a-rerun-2: rerun written")
}

func TestARerunMayRunTheSameRevision(t *testing.T) {
	c := newCluster(t)
	c.make("a", inPhase(v1alpha1.PhaseCompleted), func(s *v1alpha1.Saga) { s.Status.Revision = "checkout-1" })
	c.make("never", inPhase(v1alpha1.PhaseRejected))
	c.expect(c.run("rerun", "a", "--same-revision", "--no-wait"), 0)
	if got := c.read("a-rerun-1").Spec.DefinitionRef.Revision; got != "checkout-1" {
		t.Errorf("its revision is %q", got)
	}
	c.expect(c.run("rerun", "never", "--same-revision"), 1, "it never had a revision")
}

func TestWhatHasNotEndedIsNotRerun(t *testing.T) {
	c := newCluster(t)
	c.make("a", inPhase(v1alpha1.PhaseRunning), labelled("shop", "eu"))
	c.make("b", inPhase(v1alpha1.PhaseCompleted), labelled("shop", "eu"))
	c.expect(c.run("rerun", "a"), 1, "a: rerun refused: it has not ended (Running)", "kubectl saga adopt")
	c.expect(c.run("rerun", "-l", "shop=eu", "--dry-run=server"), 1, "a: rerun refused", "b-rerun-1: rerun would be written (server dry run)")
	c.expect(c.run("rerun", "b", "--dry-run=client"), 0, "b-rerun-1: rerun would be written (client dry run)")
	c.expect(c.run("rerun", "b", "--timeout", "100ms"), 1, "b-rerun-1: rerun written, but not taken within 100ms", "Pending")
}

func TestNamesOfRerunsStayWithinTheirBound(t *testing.T) {
	for name, want := range map[string]string{
		"a": "a-rerun-1", "a-rerun-1": "a-rerun-2", "a-rerun-9": "a-rerun-10", "a-rerun-x": "a-rerun-x-rerun-1",
		strings.Repeat("a", 128): strings.Repeat("a", 120) + "-rerun-1",
	} {
		if got := nextName(name); got != want {
			t.Errorf("after %s comes %s; want %s", name, got, want)
		}
	}
}
