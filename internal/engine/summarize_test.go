package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
	"github.com/sagas-dev/saga-operator/internal/simulate"
)

func accepted(status metav1.ConditionStatus, reason string, final bool) engine.Facts {
	return engine.Facts{Acceptance: engine.Acceptance{Status: status, Reason: reason, Message: "Because", Final: final}}
}

// kstatus reads a status as sigs.k8s.io/cli-utils does, as far as our conditions go.
func kstatus(st v1alpha1.SagaStatus) string {
	for _, c := range st.Conditions {
		if c.Type == v1alpha1.ConditionStalled && c.Status == metav1.ConditionTrue {
			return "Failed"
		}
	}
	for _, c := range st.Conditions {
		if c.Type == v1alpha1.ConditionReady && c.Status != metav1.ConditionTrue {
			return "InProgress"
		}
	}
	return "Current"
}

// summary is one line: phase, progress, kstatus, then the six conditions.
func summary(st v1alpha1.SagaStatus) string {
	words := []string{fmt.Sprintf("%s %s %s", st.Phase, st.Progress, kstatus(st))}
	for _, c := range st.Conditions {
		words = append(words, fmt.Sprintf("%s=%s %s", c.Type, c.Status, c.Reason))
	}
	return strings.Join(words, ", ")
}

func TestEveryPhaseAndReasonOfTheConditionTable(t *testing.T) {
	const declined = reserved + "charge failed DECLINED; "
	no := engine.Facts{}
	suspend := engine.Facts{Suspend: true}
	missing := accepted(metav1.ConditionFalse, v1alpha1.ReasonReferencesMissing, false)
	changed := engine.Facts{SpecChanged: true}
	const (
		running   = "Accepted=True Accepted, Ready=False Running, Stalled=False Progressing, Finished=False InProgress, Compensating=False NotNeeded, Suspended=False NotSuspended"
		pendingIs = ", Ready=Unknown Pending, Stalled=False Progressing, Finished=False InProgress, Compensating=False NotNeeded, Suspended=False NotSuspended"
		rejected  = ", Ready=False Rejected, Stalled=True Rejected, Finished=True Rejected, Compensating=False NotNeeded, Suspended=False NotSuspended"
		backward  = "Accepted=True Accepted, Ready=False Compensating, Stalled=False Progressing, Finished=False InProgress, Compensating=True %s, Suspended=False NotSuspended"
		undone    = "Accepted=True Accepted, Ready=False Compensated, Stalled=True Compensated, Finished=True Compensated, Compensating=False Undone, Suspended=False NotSuspended"
		waits     = "Accepted=True Accepted, Ready=False NeedsIntervention, Stalled=True %s, Finished=False InProgress, Compensating=%s, Suspended=False NotSuspended"
	)
	for name, r := range map[string]struct {
		def, story string
		facts      engine.Facts
		want       string
	}{
		"a new saga":             {"", "nothing", no, "Pending 0/5 InProgress, Accepted=Unknown Pending" + pendingIs},
		"its definition is away": {"", "nothing", accepted(metav1.ConditionUnknown, v1alpha1.ReasonDefinitionNotFound, false), "Pending 0/5 InProgress, Accepted=Unknown DefinitionNotFound" + pendingIs},
		"a participant is away":  {"", "nothing", accepted(metav1.ConditionUnknown, v1alpha1.ReasonParticipantNotFound, false), "Pending 0/5 InProgress, Accepted=Unknown ParticipantNotFound" + pendingIs},
		"references are missing": {"", "nothing", missing, "Pending 0/5 InProgress, Accepted=False ReferencesMissing" + pendingIs},
		"held before its start": {"", "nothing", suspend, "Pending 0/5 InProgress, Accepted=Unknown Pending, Ready=Unknown Pending, Stalled=False Progressing, Finished=False InProgress, " +
			"Compensating=False NotNeeded, Suspended=True SuspendRequested"},
		"invalid definition": {"", "nothing", accepted(metav1.ConditionFalse, v1alpha1.ReasonInvalidDefinition, true), "Rejected 0/5 Failed, Accepted=False InvalidDefinition" + rejected},
		"invalid parameters": {"", "nothing", accepted(metav1.ConditionFalse, v1alpha1.ReasonInvalidParameters, true), "Rejected 0/5 Failed, Accepted=False InvalidParameters" + rejected},
		"invalid expression": {"", "nothing", accepted(metav1.ConditionFalse, v1alpha1.ReasonInvalidExpression, true), "Rejected 0/5 Failed, Accepted=False InvalidExpression" + rejected},
		"input too large":    {"", "nothing", accepted(metav1.ConditionFalse, v1alpha1.ReasonInputTooLarge, true), "Rejected 0/5 Failed, Accepted=False InputTooLarge" + rejected},
		"duplicate key":      {"", "nothing", accepted(metav1.ConditionFalse, v1alpha1.ReasonDuplicateKey, true), "Rejected 0/5 Failed, Accepted=False DuplicateKey" + rejected},
		"on its way":         {"", reserved, no, "Running 1/5 InProgress, " + running},
		"on its way, what it once lacked forgotten": {"", reserved, accepted(metav1.ConditionUnknown, v1alpha1.ReasonPending, false), "Running 1/5 InProgress, " + running},
		"on its way, and a reference goes missing": {"", reserved, missing, "Running 1/5 InProgress, Accepted=False ReferencesMissing, Ready=False Running, Stalled=False Progressing, " +
			"Finished=False InProgress, Compensating=False NotNeeded, Suspended=False NotSuspended"},
		"suspended": {"", reserved + "suspend", no, "Running 1/5 InProgress, Accepted=True Accepted, Ready=False Suspended, Stalled=False Progressing, " +
			"Finished=False InProgress, Compensating=False NotNeeded, Suspended=True SuspendRequested"},
		"abort refused": {"", shipped + "abort", no, "Running 3/5 InProgress, Accepted=True Accepted, Ready=False Running, Stalled=False Progressing, " +
			"Finished=False InProgress, Compensating=False AbortRefused, Suspended=False NotSuspended"},
		"completed": {"", invoiced + "announce published", no, "Completed 5/5 Current, Accepted=True Accepted, Ready=True Completed, Stalled=False Completed, " +
			"Finished=True Completed, Compensating=False NotNeeded, Suspended=False NotSuspended"},
		"a step failed":                   {"", declined, no, "Compensating 1/5 InProgress, " + fmt.Sprintf(backward, "StepFailed")},
		"outcome unknown":                 {"reserve max=1", "start; reserve silent", no, "Compensating 0/1 InProgress, " + fmt.Sprintf(backward, "OutcomeUnknown")},
		"deadline exceeded":               {"reserve | deadline=1m", "start; deadline", no, "Compensating 0/1 InProgress, " + fmt.Sprintf(backward, "DeadlineExceeded")},
		"aborted":                         {"", "start; abort", no, "Compensating 0/5 InProgress, " + fmt.Sprintf(backward, "Aborted")},
		"deleted":                         {"", "start; delete", no, "Compensating 0/5 InProgress, " + fmt.Sprintf(backward, "Deleted")},
		"compensated":                     {"", declined + "undo reserve ok", no, "Compensated 0/5 Failed, " + undone},
		"needs a person forward":          {"", shipped + "invoice failed X", no, "NeedsIntervention 3/5 Failed, " + fmt.Sprintf(waits, "NeedsIntervention", "False NotNeeded")},
		"needs a person backward":         {"", declined + "undo reserve failed X", no, "NeedsIntervention 1/5 Failed, " + fmt.Sprintf(waits, "NeedsIntervention", "True StepFailed")},
		"key used":                        {"", "start; reserve failed KeyUsed", no, "NeedsIntervention 0/5 Failed, " + fmt.Sprintf(waits, "KeyUsed", "False NotNeeded")},
		"undoes the rest before it waits": {"", charged + "ship failed X; undo charge failed Y", no, "Compensating 2/5 InProgress, " + fmt.Sprintf(backward, "StepFailed")},
		"spec changed": {"", reserved, changed, "Running 1/5 Failed, Accepted=True Accepted, Ready=False SpecChanged, Stalled=True SpecChanged, " +
			"Finished=False InProgress, Compensating=False NotNeeded, Suspended=False NotSuspended"},
		"spec changed after the end": {"", declined + "undo reserve ok", changed, "Compensated 0/5 Failed, " + undone},
	} {
		t.Run(name, func(t *testing.T) {
			if r.def == "" {
				r.def = order
			}
			s := tell(t, r.def, "")
			s.play(r.story)
			r.facts.Generation, r.facts.Now = 3, s.now
			st := engine.Summarize(s.program, s.state, r.facts)
			if got := summary(st); got != r.want {
				t.Errorf("\nwant %s\ngot  %s", r.want, got)
			}
			if err := simulate.CheckConditions(st); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWhatASagaWaitsFor(t *testing.T) {
	for name, r := range map[string]struct{ story, want string }{
		"an answer":                 {reserved, "charge-service.do (charge), attempt 1"},
		"the next attempt":          {reserved + "charge silent", "charge-service.do (charge), attempt 2 at 2026-11-22T10:00:01Z"},
		"an answer to an undo":      {reserved + "charge failed X", "reserve-service.undo (reserve), attempt 1"},
		"resuming":                  {"start; suspend; reserve ok", "resuming (spec.suspend)"},
		"resuming, before a retry":  {"start; reserve silent; suspend", "resuming (spec.suspend)"},
		"a decision":                {shipped + "invoice failed X", "decision 1 on invoice"},
		"whose key it is":           {"start; reserve failed KeyUsed", "spec.abort or spec.adopt: the key of reserve is used"},
		"nothing, at the end":       {reserved + "charge failed X; undo reserve ok", ""},
		"the broker, with an event": {invoiced, "announce-service.happened (announce), attempt 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := tell(t, order, "")
			s.play(r.story)
			if got := s.status().WaitingFor; got != r.want {
				t.Errorf("want %q, got %q", r.want, got)
			}
		})
	}
}

func TestAConditionKeepsItsTimeWhileItKeepsItsStatus(t *testing.T) {
	s := tell(t, order, "")
	s.play("start")
	first := s.status()
	s.play("wait 10s + reserve ok")
	second := engine.Summarize(s.program, s.state, engine.Facts{Generation: 2, Now: s.now, Previous: first.Conditions})
	s.play("wait 10s + charge failed X")
	third := engine.Summarize(s.program, s.state, engine.Facts{Generation: 2, Now: s.now, Previous: second.Conditions})
	for i, c := range third.Conditions {
		want := morning
		if c.Type == v1alpha1.ConditionCompensating {
			want = morning.Add(20 * time.Second)
		}
		if !c.LastTransitionTime.Equal(&metav1.Time{Time: want}) || !second.Conditions[i].LastTransitionTime.Equal(&metav1.Time{Time: morning}) {
			t.Errorf("%s changed at %v, want %v", c.Type, c.LastTransitionTime, want)
		}
		if c.ObservedGeneration != 2 {
			t.Errorf("%s was observed at %d", c.Type, c.ObservedGeneration)
		}
	}
}

func TestASummaryNeedsNoProgram(t *testing.T) {
	s := tell(t, order, "")
	for _, script := range []string{"nothing", "start", "reserve ok", "charge failed X"} {
		s.play(script)
		with, without := s.status(), engine.Summarize(nil, s.state, engine.Facts{Generation: 1, Now: s.now})
		if with.Phase != without.Phase || diffOf(with.Conditions, without.Conditions) != "" {
			t.Errorf("%s: %s and, without a program, %s", script, summary(with), summary(without))
		}
	}
}

func TestMessagesSayWhatToDo(t *testing.T) {
	s := tell(t, order, "")
	s.play(shipped + `invoice failed {"code":"NO_ADDRESS","message":"street missing"}`)
	st := engine.Summarize(s.program, s.state, engine.Facts{Generation: 1, Now: s.now, Refused: []string{"Compensate of invoice"}})
	for _, c := range st.Conditions {
		if c.Type == v1alpha1.ConditionStalled {
			want := "Waiting for decision 1 on invoice (NO_ADDRESS: street missing). Not taken: Compensate of invoice"
			if c.Message != want {
				t.Errorf("want %q, got %q", want, c.Message)
			}
		}
	}
}
