package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
)

// obey does what is asked, as the operator would before the point of no return.
func obey(s *v1alpha1.Saga) {
	for _, asked := range []struct {
		wanted bool
		latch  v1alpha1.Latch
	}{{s.Spec.Abort, v1alpha1.LatchAbort}, {s.Spec.Adopt, v1alpha1.LatchAdopt}} {
		if asked.wanted && !slices.Contains(s.Status.Latches, asked.latch) {
			s.Status.Latches = append(s.Status.Latches, asked.latch)
		}
	}
	s.Status.SuspendTime = nil
	if s.Spec.Suspend {
		s.Status.SuspendTime = at("2026-11-22T10:00:30Z")
	}
}

func keyUsed() change {
	return withStep(v1alpha1.StepStatus{Name: "reserve", State: v1alpha1.StepNeedsIntervention, Decision: 1,
		Action: &v1alpha1.Exchange{Outcome: v1alpha1.ExchangeFailed, Round: 1, Attempt: 1, Code: v1alpha1.CodeKeyUsed}})
}

func TestRequestsAreWrittenAndWaitedFor(t *testing.T) {
	c := newCluster(t)
	c.make("a", inPhase(v1alpha1.PhaseRunning))
	c.make("k", inPhase(v1alpha1.PhaseNeedsIntervention), keyUsed())
	c.operate(obey)
	c.expect(c.run("suspend", "a"), 0, "a: suspend taken: Running")
	c.expect(c.run("suspend", "a"), 0, "a: suspend unchanged")
	c.expect(c.run("resume", "a"), 0, "a: resume taken")
	c.expect(c.run("abort", "a"), 0, "a: abort taken")
	c.expect(c.run("adopt", "k"), 0, "k: adopt taken")
	saga := c.read("a")
	if saga.Spec.Suspend || !saga.Spec.Abort || !slices.Contains(writers(saga), fieldManager) {
		t.Errorf("stored is suspend %v, abort %v, written by %v", saga.Spec.Suspend, saga.Spec.Abort, writers(saga))
	}
}

func TestWhatIsRefusedIsSaid(t *testing.T) {
	c := newCluster(t)
	c.make("ended", inPhase(v1alpha1.PhaseCompleted))
	c.make("back", inPhase(v1alpha1.PhaseCompensating), withCause(v1alpha1.ReasonAborted))
	c.make("running", inPhase(v1alpha1.PhaseRunning))
	for _, verb := range []string{"suspend", "resume", "abort", "adopt"} {
		c.expect(c.run(verb, "ended"), 1, "ended: "+verb+" refused: it has ended (Completed)")
	}
	c.expect(c.run("suspend", "back"), 1, "it is being undone because it was aborted: undoing cannot be held back")
	c.expect(c.run("adopt", "running"), 1, "there is no lost run to continue")
	c.operate(func(s *v1alpha1.Saga) {
		if s.Spec.Abort {
			s.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionCompensating, Status: metav1.ConditionFalse,
				Reason: v1alpha1.ReasonAbortRefused, LastTransitionTime: *at("2026-11-22T10:00:00Z")}}
		}
	})
	c.expect(c.run("abort", "running"), 1, "running: abort refused: it is beyond its point of no return")
	c.expect(c.run("abort", "running"), 1, "refused")
}

func TestWhatNobodyTakesIsNotSeen(t *testing.T) {
	c := newCluster(t)
	c.make("a", inPhase(v1alpha1.PhaseRunning))
	c.expect(c.run("abort", "a", "--timeout", "100ms"), 1, "a: abort written, but not taken within 100ms: see kubectl saga why a -n "+c.namespace)
	c.make("b", inPhase(v1alpha1.PhaseRunning))
	c.expect(c.run("abort", "b", "--no-wait"), 0, "b: abort written")
	if !c.read("b").Spec.Abort {
		t.Error("nothing is stored")
	}
}

func TestInBulkEachSagaHasItsResult(t *testing.T) {
	c := newCluster(t)
	for _, name := range []string{"a", "b", "c"} {
		c.make(name, inPhase(v1alpha1.PhaseRunning), labelled("shop", "eu"))
	}
	c.make("d", inPhase(v1alpha1.PhaseCompleted), labelled("shop", "eu"))
	c.make("other", inPhase(v1alpha1.PhaseRunning))
	c.operate(obey)
	c.expect(c.run("abort", "-l", "shop=eu", "--dry-run=client"), 1, "abort: 4 sagas, at most 10 a second (client dry run)",
		"a: abort would be written (client dry run)", "d: abort refused")
	c.expect(c.run("abort", "--field-selector", "status.phase=Running", "-l", "shop", "--dry-run=server"), 0, "c: abort would be written (server dry run)")
	if c.read("a").Spec.Abort {
		t.Error("a dry run has stored something")
	}
	p := c.run("abort", "-l", "shop=eu", "--rate", "100", "-o", "json")
	var results []result
	if err := json.Unmarshal([]byte(p.out), &results); err != nil || p.code != 1 || len(results) != 4 {
		t.Fatalf("it prints %s%s: %v", p.out, p.err, err)
	}
	for _, r := range results {
		if want := map[bool]outcome{true: refused, false: taken}[r.Name == "d"]; r.Outcome != want {
			t.Errorf("%s is %s; want %s", r.Name, r.Outcome, want)
		}
	}
	if c.read("other").Spec.Abort || !strings.Contains(p.err, "1 saga of 4 failed") {
		t.Errorf("what was not selected is aborted, or it says %q", p.err)
	}
}

func TestSagasMustBeNamedOrSelected(t *testing.T) {
	c := newCluster(t)
	c.expect(c.run("abort"), 2, "which sagas?")
	c.expect(c.run("abort", "-A"), 2, "which sagas?")
	c.expect(c.run("abort", "a", "--rate", "0"), 2, "--rate must be from 0.1 to 1000, is 0")
	c.expect(c.run("abort", "a", "--dry-run", "yes"), 2, "--dry-run must be one of none, client, server")
	c.expect(c.run("abort", "missing"), 1, `there is no saga "missing"`)
	c.expect(c.run("abort", "-l", "none=there"), 0, "No sagas found")
}
