package engine_test

import (
	"encoding/json"
	"testing"

	v1alpha1 "github.com/sagas-dev/saga-operator/api/v1alpha1"
	"github.com/sagas-dev/saga-operator/internal/engine"
)

func TestCodesSayWhetherTryingAgainIsOfUse(t *testing.T) {
	const busy = "a | b retryable=BUSY max=3 | c"
	check(t, map[string]row{
		"a retryable failure is tried again":            {def: busy, story: "start; a ok; b failed BUSY", asked: "-", phase: "Running", steps: "a=Succeeded b=Running"},
		"in a round of its own":                         {def: busy, story: "start; a ok; b failed BUSY; b again", asked: "b/forward/2/1"},
		"which may succeed":                             {def: busy, story: "start; a ok; b failed BUSY; b again; b ok", asked: "c/forward/1/1"},
		"attempts of all rounds count":                  {def: busy, story: "start; a ok; b retry; b again; b failed BUSY; b again; b failed BUSY", asked: "a/backward/1/1", steps: "a=Compensating b=Failed"},
		"also those that time out":                      {def: busy, story: "start; a ok; b failed BUSY; b again; b failed BUSY; b again; b silent", asked: "b/backward/1/1"},
		"another failure is final":                      {def: busy, story: "start; a ok; b failed GONE", asked: "a/backward/1/1"},
		"an attempt that nobody answered keeps its key": {def: busy, story: "start; a ok; b silent; b again; b failed BUSY", asked: "b/backward/1/1", steps: "a=Succeeded b=Compensating"},
		"the answer to an earlier round counts once":    {def: busy, story: "start; a ok; b failed BUSY; b@1#1 failed BUSY", verdicts: "Settled", asked: "-"},
		"a success of an earlier round is told of":      {def: busy, story: "start; a ok; b failed BUSY; b@1#1 ok", verdicts: "Late", asked: "-"},
		"an answer to a round that was not asked":       {def: busy, story: "start; a ok; b failed BUSY; b@2#1 ok", verdicts: "Unheard", asked: "-"},
		"an abort ends it, with nothing to undo":        {def: busy, story: "start; a ok; b failed BUSY; abort", asked: "a/backward/1/1", steps: "a=Compensating b=Failed"},
		"a suspension holds it":                         {def: busy, story: "start; a ok; b failed BUSY; suspend; b again", asked: "-"},
		"on the way back it is not tried again":         {def: "a | b after=a retryable=BUSY | c after=a", story: "start; a ok; c failed X; b failed BUSY", asked: "a/backward/1/1"},
		"a pivot is":                                    {def: "a | p pivot retryable=BUSY", story: "start; a ok; p failed BUSY; p again", asked: "p/forward/2/1"},
		"and a retriable step":                          {def: "p pivot | z retriable retryable=BUSY", story: "start; p ok; z failed BUSY; z again", asked: "z/forward/2/1"},
		"another saga's key is not":                     {def: "a retryable=KeyUsed", story: "start; a failed KeyUsed", phase: "NeedsIntervention"},
		"an undo may be tried again, too":               {def: "a undoretryable=LOCKED | b", story: "start; a ok; b failed X; undo a failed LOCKED; undo a again", asked: "a/backward/2/1"},
		"other undos need a person":                     {def: "a undoretryable=LOCKED | b", story: "start; a ok; b failed X; undo a failed BROKEN", phase: "NeedsIntervention"},
		"a command that expired is not tried again":     {def: "a | b | deadline=10m", story: "start; a ok; b failed Expired", asked: "a/backward/1/1"},
		"unless the deadline was shifted since":         {def: "a | b | deadline=10m", story: "start; a ok; suspend; wait 20m; resume; b failed Expired; b again", asked: "b/forward/2/1"},
		"or stands still":                               {def: "a | b after=a | w await=x | deadline=10m", story: "start; a failed Expired; a again", asked: "a/forward/2/1"},
		"a retry that is no use ends the attempts":      {def: "a | b nonretryable=BROKEN", story: "start; a ok; b retry BROKEN", asked: "b/backward/1/1", condition: "True OutcomeUnknown"},
		"a pivot then waits for a person":               {def: "a | p pivot nonretryable=BROKEN", story: "start; a ok; p retry BROKEN", phase: "NeedsIntervention"},
		"other retries go on":                           {def: "a | b nonretryable=BROKEN", story: "start; a ok; b retry BUSY; b again", asked: "b/forward/1/2"},
	})
}

func TestARoundIsCausedByTheAnswerBefore(t *testing.T) {
	c := command(t, "a retryable=BUSY", "start; a failed BUSY; a again")
	if c.CausedBy != "a/forward/1/1" || c.Round != 2 || c.Attempt != 1 {
		t.Errorf("got %+v", c)
	}
}

func TestWhatAnUndoUndoesIsTheLastRoundThatWasSent(t *testing.T) {
	c := command(t, "a retryable=BUSY | b", "start; a failed BUSY; a again; a ok; b failed X")
	if c.UndoesRound != 2 {
		t.Errorf("undoes round %d", c.UndoesRound)
	}
}

func TestAnswersOfOlderVersionsAreUpcast(t *testing.T) {
	s := tell(t, "a upcast=v1 schema=params | b", "")
	s.play("start")
	_, verdicts := s.run.Next(s.state, s.now, []engine.Event{engine.Replied{
		Step: "a", Direction: engine.Forward, Round: 1, Attempt: 1, Outcome: engine.Succeeded, Body: []byte(`{"old":1}`), DataSchema: "v1",
	}})
	next, _ := s.run.Next(s.state, s.now, []engine.Event{engine.Replied{
		Step: "a", Direction: engine.Forward, Round: 1, Attempt: 1, Outcome: engine.Succeeded, Body: []byte(`{"old":1}`), DataSchema: "v1",
	}})
	if verdicts[0] != engine.Applied || next.Steps[0].State != v1alpha1.StepSucceeded || next.Cause != nil {
		t.Errorf("upcast: %v, %+v", verdicts, next.Steps[0])
	}
	next, _ = s.run.Next(s.state, s.now, []engine.Event{engine.Replied{
		Step: "a", Direction: engine.Forward, Round: 1, Attempt: 1, Outcome: engine.Succeeded, Body: []byte(`{"old":1}`), DataSchema: "v0",
	}})
	if next.Cause == nil || next.Cause.Code != v1alpha1.CodeOutputInvalid {
		t.Errorf("a version that nobody upcasts breaks the schema: %+v", next.Cause)
	}
}

func TestAnAnswerThatBreaksItsSchemaTookEffect(t *testing.T) {
	check(t, map[string]row{
		"what can be undone is":            {def: "a schema=id | b", story: "start; a ok {}", asked: "a/backward/1/1", condition: "True StepFailed"},
		"an answer that matches goes on":   {def: "a schema=id | b", story: `start; a ok {"id":1}`, asked: "b/forward/1/1"},
		"a pivot counts, without output":   {def: "p pivot schema=id | z retriable when=has:p", story: "start; p ok {}", phase: "Completed", steps: "p=Succeeded z=Skipped"},
		"a person's output is judged, too": {def: "p pivot schema=id max=1", story: "start; p silent; decide p 1 MarkDone {}", verdicts: "Refused"},
		"and taken where it matches":       {def: "p pivot schema=id max=1", story: `start; p silent; decide p 1 MarkDone {"id":1}`, phase: "Completed"},
	})
}

func TestASagaIsKnownByItsOutputs(t *testing.T) {
	done := tell(t, "a | outputs", "")
	done.play(`start; a ok {"id":7}`)
	if out := done.state.Outputs; out == nil || string(out.Raw) != `{"outputs":{"a":{"id":7}},"params":{"n":1},"saga":`+string(sagaJSON(t))+`}` {
		t.Errorf("outputs %s", out.Raw)
	}
	undone := tell(t, "a | b | outputs", "")
	undone.play("start; a ok; b failed X; undo a ok")
	if undone.state.Outputs != nil || undone.state.EndTime == nil {
		t.Errorf("a saga that was undone has outputs: %s", undone.state.Outputs.Raw)
	}
	failing := tell(t, "a | outputs!", "")
	failing.play("start; a ok")
	if st := failing.status(); st.Phase != v1alpha1.PhaseCompleted || st.Outputs != nil || st.OutputsMessage == "" {
		t.Errorf("outputs that cannot be rendered: %s, %v, %q", st.Phase, st.Outputs, st.OutputsMessage)
	}
}

func TestAnEventThatMayBeLostIsSentByTheDecisionThatMadeIt(t *testing.T) {
	s := tell(t, "a | e publish none once | b", "")
	s.play("start")
	before := s.state
	s.play("a ok")
	once, err := s.run.Once(before, s.state)
	if err != nil || len(once) != 1 || once[0].Step != "e" || !once[0].Publish || once[0].Type != "e-service.happened" {
		t.Errorf("got %+v, %v", once, err)
	}
	if again, err := s.run.Once(s.state, s.state); err != nil || len(again) != 0 {
		t.Errorf("a later decision sends it again: %+v, %v", again, err)
	}
}

func sagaJSON(t *testing.T) []byte {
	t.Helper()
	raw, err := json.Marshal(map[string]string{
		"name": "order-1", "namespace": "shop", "uid": "uid-1", "idempotencyKey": "test/shop/order-1", "businessKey": "",
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}
