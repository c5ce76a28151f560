package engine_test

import "testing"

// diamond is a graph: two branches after the first step, joined by the last that can be undone, then a pivot.
const diamond = "a | b after=a | c after=a | d after=b+c | p pivot | z publish retriable"

func TestStepsOfAGraphStartWhenWhatTheyDependOnIsDone(t *testing.T) {
	check(t, map[string]row{
		"a step without dependencies is a root":     {def: "a | b | c after=a", story: "start", asked: "a/forward/1/1 b/forward/1/1"},
		"branches run side by side":                 {def: diamond, story: "start; a ok", asked: "b/forward/1/1 c/forward/1/1"},
		"a join waits for all of them":              {def: diamond, story: "start; a ok; c ok", asked: "b/forward/1/1"},
		"a join starts with the last of them":       {def: diamond, story: "start; a ok; c ok; b ok", asked: "d/forward/1/1"},
		"answers of one decision count together":    {def: diamond, story: "start; a ok; c ok + b ok", asked: "d/forward/1/1"},
		"the pivot waits for all steps before it":   {def: "a | b after=a | x | p pivot", story: "start; a ok; b ok", asked: "x/forward/1/1"},
		"and leaves once they are done":             {def: "a | b after=a | x | p pivot", story: "start; a ok; b ok; x ok", asked: "p/forward/1/1"},
		"all steps after the pivot wait for it":     {def: "a | b after=a | p pivot | y retriable | z retriable", story: "start; a ok; b ok", asked: "p/forward/1/1"},
		"and start together":                        {def: "a | b after=a | p pivot | y retriable | z retriable", story: "start; a ok; b ok; p ok", asked: "y/forward/1/1 z/forward/1/1"},
		"without a pivot retriable steps wait, too": {def: "a | b | c after=a | y retriable", story: "start; a ok; c ok", asked: "b/forward/1/1"},
		"a graph ends when all its leaves are done": {def: "a | b after=a | c after=a", story: "start; a ok; b ok; c ok", phase: "Completed", asked: "-"},
		"suspension holds all branches":             {def: diamond, story: "start; suspend; a ok", asked: "-", phase: "Running"},
		"and resuming starts them all":              {def: diamond, story: "start; suspend; a ok; resume", asked: "b/forward/1/1 c/forward/1/1"},
		"a suspended saga may fail":                 {def: diamond, story: "start; a ok; suspend; b failed X + c ok", asked: "c/backward/1/1"},
	})
}

func TestAGraphIsUndoneInReverseOrderAndSideBySide(t *testing.T) {
	check(t, map[string]row{
		"what is in flight is waited for": {def: diamond, story: "start; a ok; b failed X", phase: "Compensating", asked: "c/forward/1/1",
			condition: "True StepFailed", steps: "a=Succeeded b=Failed c=Running"},
		"then it is undone, and what it built on waits": {def: diamond, story: "start; a ok; b failed X; c ok", asked: "c/backward/1/1"},
		"the root comes last":                           {def: diamond, story: "start; a ok; b failed X; c ok; undo c ok", asked: "a/backward/1/1"},
		"both branches are undone at once": {def: diamond, story: "start; a ok; b ok + c ok; d failed X",
			asked: "b/backward/1/1 c/backward/1/1"},
		"and the root waits for both":               {def: diamond, story: "start; a ok; b ok + c ok; d failed X; undo b ok", asked: "c/backward/1/1"},
		"in whatever order they are undone":         {def: diamond, story: "start; a ok; b ok + c ok; d failed X; undo b ok; undo c ok", asked: "a/backward/1/1"},
		"a declined pivot undoes the join first":    {def: diamond, story: "start; a ok; b ok + c ok; d ok; p failed X", asked: "d/backward/1/1"},
		"a branch that waits for a person":          {def: diamond, story: "start; a ok; b ok + c ok; d failed X; undo b failed Y", asked: "c/backward/1/1", phase: "Compensating"},
		"does not keep the root from being undone":  {def: diamond, story: "start; a ok; b ok + c ok; d failed X; undo b failed Y; undo c ok", asked: "a/backward/1/1"},
		"independent roots are undone side by side": {def: "a | b | c after=a", story: "start; a ok + b ok; c failed X", asked: "a/backward/1/1 b/backward/1/1"},
		"both failures of one decision count":       {def: diamond, story: "start; a ok; b failed X + c failed Y", asked: "a/backward/1/1", condition: "True StepFailed"},
		"the end":                                   {def: diamond, story: "start; a ok; b failed X + c failed Y; undo a ok", phase: "Compensated", asked: "-"},
		"no attempt is made again on the way back":  {def: diamond, story: "start; a ok; b retry BUSY; c failed X", asked: "b/backward/1/1", steps: "a=Succeeded b=Compensating c=Failed"},
	})
}

func TestAStepWhoseConditionIsFalseIsSkipped(t *testing.T) {
	check(t, map[string]row{
		"it counts as done":                {def: "a when=no | b", story: "start", steps: "a=Skipped b=Running", asked: "b/forward/1/1"},
		"a true condition changes nothing": {def: "a when=yes | b", story: "start", steps: "a=Running"},
		"it is judged when its turn comes": {def: "a | b when=has:a | c", story: `start; a ok {"id":1}`, asked: "b/forward/1/1"},
		"on what was answered by then":     {def: "a | b when=has:a | c", story: "start; a ok", steps: "a=Succeeded b=Skipped c=Running"},
		"all steps may be skipped":         {def: "a when=no | b when=no", story: "start", phase: "Completed"},
		"a skipped step is not undone":     {def: "a | b when=no | c", story: "start; a ok; c failed X", asked: "a/backward/1/1", steps: "a=Compensating b=Skipped c=Failed"},
		"and keeps nobody from the end":    {def: "a | b when=no | c", story: "start; a ok; c failed X; undo a ok", phase: "Compensated"},
		"a condition that cannot be judged fails its step": {def: "a | b when=fails", story: "start; a ok", asked: "a/backward/1/1",
			condition: "True StepFailed", steps: "a=Compensating b=Failed"},
		"beyond the pivot a person must help": {def: "p pivot | z retriable when=fails", story: "start; p ok", phase: "NeedsIntervention",
			asked: "-", steps: "p=Succeeded z=NeedsIntervention"},
		"who may have it judged again": {def: "p pivot | z retriable when=fails", story: "start; p ok; decide z 1 Retry",
			verdicts: "Applied", phase: "NeedsIntervention"},
		"or skip it":                     {def: "p pivot | z retriable when=fails", story: "start; p ok; decide z 1 Skip", phase: "Completed"},
		"a skipped pivot is passed":      {def: "a | p pivot when=no | z retriable", story: "start; a ok; abort", asked: "z/forward/1/1", condition: "False AbortRefused"},
		"a branch may be skipped as one": {def: "a | b when=no after=a | c after=b", story: "start; a ok", asked: "c/forward/1/1"},
	})
}

func TestTheFailureOfAnOptionalStepLetsTheRestGoOn(t *testing.T) {
	const trip = "flight | car optional | hotel"
	check(t, map[string]row{
		"a failure is recorded":               {def: trip, story: "start; flight ok; car failed SOLD_OUT", steps: "flight=Succeeded car=Failed hotel=Running", condition: "False NotNeeded", phase: "Running"},
		"the saga completes":                  {def: trip, story: "start; flight ok; car failed SOLD_OUT; hotel ok", phase: "Completed", stalled: "False Completed"},
		"an unknown outcome is undone":        {def: "flight | car optional max=1 | hotel", story: "start; flight ok; car silent", asked: "car/backward/1/1", phase: "Running", steps: "flight=Succeeded car=Compensating"},
		"before what depends on it goes on":   {def: "flight | car optional max=1 | hotel", story: "start; flight ok; car silent; undo car ok", asked: "hotel/forward/1/1", steps: "flight=Succeeded car=Compensated hotel=Running"},
		"branches do not wait for that":       {def: "flight | car optional max=1 | hotel after=flight", story: "start; flight ok; car silent; hotel ok", asked: "car/backward/1/1", phase: "Running"},
		"but the pivot does":                  {def: "car optional max=1 | hotel | p pivot after=hotel", story: "start; car silent; hotel ok", asked: "car/backward/1/1"},
		"and so does the end":                 {def: "flight | car optional max=1 | hotel after=flight", story: "start; flight ok; car silent; hotel ok; undo car ok", phase: "Completed"},
		"one that changes nothing needs none": {def: "flight | car optional none max=1 | hotel", story: "start; flight ok; car silent", asked: "hotel/forward/1/1", steps: "flight=Succeeded car=Compensated hotel=Running"},
		"a late success is undone":            {def: trip, story: "start; flight ok; car failed X; car ok", asked: "car/backward/1/1 hotel/forward/1/1", steps: "flight=Succeeded car=Compensating hotel=Running"},
		"after the end it is told of":         {def: trip, story: "start; flight ok; car failed X; hotel ok; car ok", verdicts: "Late", phase: "Completed"},
		"an undo that fails needs a person": {def: "flight | car optional max=1 | hotel", story: "start; flight ok; car silent; undo car failed X",
			phase: "NeedsIntervention", asked: "-", condition: "False NotNeeded"},
		"who may leave it as it is":            {def: "flight | car optional max=1 | hotel", story: "start; flight ok; car silent; undo car failed X; decide car 1 Skip", asked: "hotel/forward/1/1", steps: "flight=Succeeded car=NotCompensated hotel=Running"},
		"or ask again":                         {def: "flight | car optional max=1 | hotel", story: "start; flight ok; car silent; undo car failed X; decide car 1 Retry", asked: "car/backward/2/1"},
		"or have undone it by hand":            {def: "flight | car optional max=1 | hotel", story: "start; flight ok; car silent; undo car failed X; decide car 1 MarkDone", asked: "hotel/forward/1/1"},
		"but not turn back because of it":      {def: "flight | car optional max=1 | hotel", story: "start; flight ok; car silent; undo car failed X; decide car 1 Compensate", verdicts: "Refused"},
		"an input that cannot be rendered":     {def: "a | b optional needs=a | c", story: "start; a ok", asked: "c/forward/1/1", steps: "a=Succeeded b=Failed c=Running"},
		"a condition that cannot be judged":    {def: "a | b optional when=fails | c", story: "start; a ok", asked: "c/forward/1/1"},
		"an answer that breaks its schema":     {def: "a optional schema=id | c", story: "start; a ok {}", asked: "a/backward/1/1", steps: "a=Compensating"},
		"when the saga turns back, it is done": {def: trip, story: "start; flight ok; car failed X; hotel failed Y", asked: "flight/backward/1/1", steps: "flight=Compensating car=Failed hotel=Failed"},
		"turning back while it is being undone": {def: "flight | car optional max=1 | hotel after=flight", story: "start; flight ok; car silent; hotel failed Y",
			asked: "flight/backward/1/1 car/backward/1/1", phase: "Compensating"},
		"undoing it goes on while suspended": {def: "flight | car optional max=1 | hotel", story: "start; flight ok; suspend; car silent", asked: "car/backward/1/1"},
	})
}
