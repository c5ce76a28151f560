package engine_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sagas-dev/saga-operator/internal/engine"
)

func TestAnObservedSagaFollowsWhatServicesDo(t *testing.T) {
	const parcel = "a | b | c | observed"
	const done = "event a-service.do-succeeded; event b-service.do-succeeded; "
	check(t, map[string]row{
		"no command is sent":                   {def: parcel, story: "start", asked: "-", phase: "Running", steps: "a=Running"},
		"events complete its steps":            {def: parcel, story: "start; event a-service.do-succeeded", asked: "-", steps: "a=Succeeded b=Running"},
		"all of them, the saga":                {def: parcel, story: "start; " + done + "event c-service.do-succeeded", phase: "Completed"},
		"in whatever order they are read":      {def: parcel, story: "start; event c-service.do-succeeded; event b-service.do-succeeded; event a-service.do-succeeded", phase: "Completed"},
		"an answer is nobody's":                {def: parcel, story: "start; a ok", verdicts: "Unheard"},
		"a failure sends the undos":            {def: parcel, story: "start; event a-service.do-succeeded; event b-service.do-failed SOLD_OUT", asked: "a/backward/1/1", condition: "True StepFailed", steps: "a=Compensating b=Failed"},
		"in reverse order":                     {def: parcel, story: "start; " + done + "event c-service.do-failed X", asked: "b/backward/1/1"},
		"to the end":                           {def: parcel, story: "start; " + done + "event c-service.do-failed X; undo b ok; undo a ok", phase: "Compensated"},
		"a timeout does, too":                  {def: parcel, story: "start; event a-service.do-succeeded; b due", asked: "c/backward/1/1", condition: "True OutcomeUnknown"},
		"since others may have gone on":        {def: parcel, story: "start; event a-service.do-succeeded; b due; undo c ok", asked: "b/backward/1/1"},
		"an abort waits for what is in flight": {def: parcel, story: "start; event a-service.do-succeeded; abort", asked: "-", phase: "Compensating", steps: "a=Succeeded b=Running"},
		"and undoes what services may do next": {def: parcel, story: "start; event a-service.do-succeeded; abort; event b-service.do-succeeded", asked: "c/backward/1/1"},
		"nobody goes on behind a failure":      {def: parcel, story: "start; event a-service.do-failed X", phase: "Compensated"},
		"a success behind one is undone all the same": {def: parcel, story: "start; event a-service.do-succeeded; event c-service.do-succeeded + event b-service.do-failed X",
			asked: "c/backward/1/1"},
		"a pivot that may have been passed needs a person":         {def: "a | b | p pivot | observed", story: "start; event a-service.do-succeeded; b due; undo b ok; undo a ok", phase: "NeedsIntervention", steps: "a=Compensated b=Compensated p=NeedsIntervention"},
		"unless what it builds on has failed":                      {def: "a | p pivot | observed", story: "start; event a-service.do-failed X", phase: "Compensated"},
		"a retriable step that nobody reports needs one":           {def: "p pivot | z retriable | observed", story: "start; event p-service.do-succeeded; z due", phase: "NeedsIntervention"},
		"until it is reported":                                     {def: "p pivot | z retriable | observed", story: "start; event p-service.do-succeeded; z due; event z-service.do-succeeded", phase: "Completed"},
		"an optional step may fail":                                {def: "a | b optional | c | observed", story: "start; event a-service.do-succeeded; event b-service.do-failed X", steps: "a=Succeeded b=Failed c=Running"},
		"events are published as in any saga":                      {def: "a | e publish none | observed", story: "start; event a-service.do-succeeded", asked: "e/forward/1/1"},
		"a success after a failure is undone, and what may follow": {def: parcel, story: "start; event a-service.do-succeeded; event b-service.do-failed X; event b-service.do-succeeded", asked: "a/backward/1/1 c/backward/1/1"},
		"one that was undone before it was done is told of":        {def: parcel, story: "start; event a-service.do-succeeded; b due; undo c ok; undo b ok; event b-service.do-succeeded", verdicts: "Late"},
		"a pivot that is told of after all says so to the person":  {def: "a | b | p pivot | observed", story: "start; event a-service.do-succeeded; b due; event p-service.do-succeeded", verdicts: "Applied", steps: "a=Succeeded b=Compensating p=NeedsIntervention"},
		"a failure that is told of first counts": {def: "a | p pivot | observed", story: "start; event p-service.do-failed X; a due; undo a ok",
			phase: "Compensated", steps: "a=Compensated p=Failed"},
		"unless a success follows": {def: "a | b | observed", story: "start; event b-service.do-failed X + event b-service.do-succeeded; a due", asked: "b/backward/1/1"},
		"also of what has nothing to undo: others may go on behind it": {def: "a | b none | c | observed",
			story: "start; event b-service.do-failed X; event b-service.do-succeeded; a due", asked: "c/backward/1/1", steps: "a=Unknown b=Succeeded c=Compensating"},
		"no event says whose the key is": {def: "a | b | observed",
			story: "start; event a-service.do-succeeded; adopt; event b-service.do-failed KeyUsed", asked: "a/backward/1/1", steps: "a=Compensating b=Failed"},
		"the same definition can be orchestrated": {def: "a | b | c", story: "start", asked: "a/forward/1/1"},
		"where events are nobody's":               {def: "a | b | c", story: "start; event a-service.do-succeeded", verdicts: "Settled", asked: "a/forward/1/1"},
	})
}

func TestAnObservedSagaOfWhichNothingIsHeardUndoesNothingByItself(t *testing.T) {
	const parcel = "a | b | c | observed"
	check(t, map[string]row{
		"its timeout waits for a person":             {def: parcel, story: "start; a due", asked: "-", phase: "NeedsIntervention", stalled: "True NeedsIntervention", steps: "a=NeedsIntervention"},
		"also where the step has nothing to undo":    {def: "a none | b | observed", story: "start; a due", asked: "-", phase: "NeedsIntervention", steps: "a=NeedsIntervention"},
		"also where an await came first":             {def: "w await=x | b | observed", story: "start; w due", asked: "-", phase: "NeedsIntervention", steps: "w=NeedsIntervention"},
		"an optional one with nothing to undo fails": {def: "w await=x optional | b | observed", story: "start; w due", asked: "-", phase: "Running", steps: "w=Failed b=Running"},
		"its deadline does not run":                  {def: parcel + " | deadline=1m", story: "start; deadline", verdicts: "Settled", phase: "Running"},
		"and begins where something is heard":        {def: parcel + " | deadline=1m", story: "start; wait 2m; event a-service.do-succeeded", phase: "Running", steps: "a=Succeeded b=Running"},
		"or a person says so":                        {def: parcel + " | deadline=1m", story: "start; a due; wait 2m; decide a 1 MarkDone", phase: "Running", steps: "a=Succeeded b=Running"},
		"but does once something is heard":           {def: parcel + " | deadline=1m", story: "start; event a-service.do-succeeded; deadline", phase: "Compensating", condition: "True DeadlineExceeded"},
		"an event that comes after all goes on":      {def: parcel, story: "start; a due; event a-service.do-succeeded", phase: "Running", steps: "a=Succeeded b=Running"},
		"a failure that came early shows that it is alive": {def: parcel, story: "start; event b-service.do-failed X; a due", asked: "a/backward/1/1",
			phase: "Compensating", steps: "a=Compensating b=Failed"},
		"one that says failed ends it":              {def: parcel, story: "start; a due; event a-service.do-failed X", phase: "Compensated", steps: "a=Failed"},
		"Retry waits once more":                     {def: parcel, story: "start; a due; decide a 1 Retry", phase: "Running", steps: "a=Running"},
		"and is no proof of anything":               {def: parcel, story: "start; a due; decide a 1 Retry; a due", asked: "-", phase: "NeedsIntervention"},
		"Skip goes on without it":                   {def: parcel, story: "start; a due; decide a 1 Skip", steps: "a=Skipped b=Running"},
		"MarkDone goes on with it":                  {def: parcel, story: `start; a due; decide a 1 MarkDone {"id":1}`, steps: "a=Succeeded b=Running"},
		"and then time counts as ever":              {def: parcel, story: "start; a due; decide a 1 MarkDone; b due", asked: "c/backward/1/1", phase: "Compensating"},
		"Compensate undoes what may have been done": {def: parcel, story: "start; a due; decide a 1 Compensate", asked: "c/backward/1/1", condition: "True OutcomeUnknown", steps: "a=Unknown c=Compensating"},
		"whatever is answered then": {def: "a | z retriable | observed", story: "start; a due; decide a 1 Compensate; undo a failed X", asked: "-",
			phase: "NeedsIntervention", steps: "a=NeedsIntervention z=NeedsIntervention"},
		"and so does an abort":   {def: parcel, story: "start; a due; abort", asked: "c/backward/1/1", condition: "True Aborted"},
		"which needs no timeout": {def: parcel, story: "start; abort; a due", asked: "c/backward/1/1", condition: "True Aborted"},
		"and so does what is heard to have failed beside it": {def: "a | b | z after=a+b | observed", story: "start; a due; event b-service.do-failed X",
			asked: "a/backward/1/1", phase: "Compensating"},
		"what fails by itself has a person decide about the rest": {def: "e publish none needs=nothing | b | z after=e+b | observed", story: "start", asked: "-",
			phase: "NeedsIntervention", steps: "e=Failed b=NeedsIntervention z=NeedsIntervention"},
		"who may have it undone": {def: "e publish none needs=nothing | b | z after=e+b | observed", story: "start; decide b 1 Retry", asked: "b/backward/1/1"},
		"in reverse order where several are decided": {def: "e publish none needs=nothing | b | z after=e+b | observed", story: "start; decide b 1 Retry + decide z 1 Retry", asked: "z/backward/1/1",
			steps: "e=Failed b=Unknown z=Compensating"},
		"each in its turn": {def: "e publish none needs=nothing | b | z after=e+b | observed", story: "start; decide b 1 Retry + decide z 1 Retry; undo z ok", asked: "b/backward/1/1"},
	})
}

func TestAnUndoInAnObservedSagaSaysThatNoCommandCameBefore(t *testing.T) {
	c := command(t, "a | b | observed", "start; event a-service.do-succeeded; event b-service.do-failed X")
	if !c.Observed || c.Type != "a-service.undo" || c.UndoesRound != 1 {
		t.Errorf("got %+v", c)
	}
	if c := command(t, "a | b", "start; a ok; b failed X"); c.Observed {
		t.Errorf("an orchestrated saga says so, too: %+v", c)
	}
}

func TestWhatASagaListensFor(t *testing.T) {
	listens := func(def, story string) []engine.Listening {
		s := tell(t, def, "")
		s.play(story)
		return s.run.Listens(s.state)
	}
	happened := func(participant, kind string) engine.Listening {
		return engine.Listening{Participant: participant, Type: participant + "." + kind}
	}
	a := []engine.Listening{happened("a-service", "do-succeeded"), happened("a-service", "do-failed")}
	b := []engine.Listening{happened("b-service", "do-succeeded"), happened("b-service", "do-failed")}
	for name, r := range map[string]struct {
		got, want []engine.Listening
	}{
		"an orchestrated saga for nothing":        {listens("a | b", "start"), nil},
		"an observed one for all of its steps":    {listens("a | b | observed", "start"), append(a, b...)},
		"before its start, too":                   {listens("a | b | observed", "nothing"), append(a, b...)},
		"not for what has been told":              {listens("a | b | observed", "start; event a-service.do-succeeded"), b},
		"but still for a success after a failure": {listens("a | b | observed", "start; event a-service.do-succeeded; event b-service.do-failed X"), b},
		"nor after its end":                       {listens("a | observed", "start; event a-service.do-succeeded"), nil},
		"an await for its event, under its key":   {listens("w await=x key=k", "start"), []engine.Listening{{Participant: "w-service", Type: "w-service.x", Key: "k"}}},
		"two of the same kind for it once":        {listens("v await=x of=shop | w await=x of=shop", "start"), []engine.Listening{happened("shop", "x")}},
		"not for what a condition has left away":  {listens("w await=x when=no | b", "start"), nil},
	} {
		if diff := cmp.Diff(r.want, r.got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAnUndoOfWhatNoCommandDidSaysSo(t *testing.T) {
	for def, story := range map[string]string{
		"w await=x undo | b":    "start; event w-service.x; b failed X",
		"w publish undo | b":    "start; w published; b failed X",
		"w approval=1 undo | b": "start; decide w 1 MarkDone; b failed X",
	} {
		if c := command(t, def, story); !c.Observed || c.Step != "w" || c.Direction != engine.Backward {
			t.Errorf("%s: %+v", def, c)
		}
	}
}
